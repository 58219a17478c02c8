package capsule

import (
	"bytes"
	"fmt"
)

var budgetFields = []string{
	"crashes", "false_suspicions", "partitions", "early_timeouts", "losses", "duplicates", "link_tails", "kept",
}

// counts gives the numbers of a budget in the order of budgetFields.
func (b *Budget) counts() []*int {
	return []*int{&b.Crashes, &b.FalseSuspicions, &b.Partitions, &b.EarlyTimeouts, &b.Losses, &b.Duplicates}
}

// budget reads what the environment of a schedule may do.
func (r *reader) budget() {
	b := &Budget{}
	r.object("a budget", budgetFields, func(name string) {
		if name == "kept" {
			r.list("a list of kinds of messages", func(int) {
				b.Kept = append(b.Kept, r.matching(protocolName, "a kind of message"))
			})
			return
		}
		if name == "link_tails" {
			b.LinkTails = r.yes()
			return
		}
		for i, to := range b.counts() {
			if budgetFields[i] == name {
				*to = int(r.whole(0, MaxBudget))
			}
		}
	})
	r.c.Budget = b
}

// write writes the numbers that are not 0.
func (b *Budget) write(to *bytes.Buffer) {
	separator := ""
	to.WriteString(`"budget":{`)
	for i, n := range b.counts() {
		if *n != 0 {
			fmt.Fprintf(to, "%s%q:%d", separator, budgetFields[i], *n)
			separator = ","
		}
	}
	if b.LinkTails {
		fmt.Fprintf(to, `%s"link_tails":true`, separator)
		separator = ","
	}
	if len(b.Kept) > 0 {
		fmt.Fprintf(to, `%s"kept":[`, separator)
		for i, kind := range b.Kept {
			if i > 0 {
				to.WriteByte(',')
			}
			to.Write(text(kind))
		}
		to.WriteByte(']')
	}
	to.WriteString("},\n")
}
