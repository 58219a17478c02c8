package netsim

// Link is one direction between two nodes.
type Link struct{ From, To int }

// PartitionLinks is the links that a partition closes: those between two different groups. Nodes in no group stay
// connected to everybody. Several partitions may overlap: a link is open if it is open in each.
func PartitionLinks(groups [][]int) []Link {
	var links []Link
	for i, g := range groups {
		for j, h := range groups {
			if i == j {
				continue
			}
			for _, a := range g {
				for _, b := range h {
					links = append(links, Link{a, b})
				}
			}
		}
	}
	return links
}
