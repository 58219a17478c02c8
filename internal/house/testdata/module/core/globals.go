package core

var count int // want globals

var names = map[int]string{1: "one"}

var table = [...]func(int) int{double}

var cache = map[string]int{} // want globals

var scratch []byte // want globals

var limits = [2]int{1, 2} // want globals

var current *box // want globals

var handler interface{ Handle() } // want globals

var counter box // want globals

var order = []int{3, 1, 2} // want globals

// Shared is changed by another package.
var Shared = 1 // want globals

var _ interface{ Bump() } = (*box)(nil)

type box struct{ n int }

// Bump changes its receiver.
func (b *box) Bump() { b.n++ }

func double(n int) int { return 2 * n }

// Touch changes what it should not, and reads the rest.
func Touch(key string) string {
	count++
	cache[key] = len(limits[:])
	scratch = append(scratch[:0], key...)
	counter.Bump()
	sortInts(order)
	count := count // a local variable from here on
	count++
	local := names[count]
	local += "s"
	return local + names[table[0](1)]
}
