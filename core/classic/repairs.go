package classic

// Repair is a rung of the ladder from what was published to what holds more often: each includes those before it, and
// keeps everything else as it is.
type Repair uint8

// The rungs.
const (
	AsPublished Repair = iota // nothing mended
	Replay                    // a reader of the watch that is handed over has seen what was handled
	Routers                   // a rebuilt communicator can receive
	Numbering                 // suspicions are translated into the current numbering
	Generation                // messages of another generation are dropped
)

var repairNames = [...]string{
	AsPublished: "classic", Replay: "classic+replay", Routers: "classic+routers", Numbering: "classic+numbering",
	Generation: "classic+epoch",
}

// String names the rung as --protocol does.
func (r Repair) String() string {
	if int(r) < len(repairNames) {
		return repairNames[r]
	}
	return "invalid"
}

// Repairs is all rungs, the published crate first.
func Repairs() []Repair { return []Repair{AsPublished, Replay, Routers, Numbering, Generation} }

// mends tells whether a rung includes a repair.
func (r Repair) mends(of Repair) bool { return r >= of }
