package house

import (
	"path"
	"slices"
	"strings"
)

// A row says what the non-test files of one package may import, and which rules hold in it. A change of policy is a
// changed line here.
type row struct {
	pkg    string   // path below the module
	module []string // packages of this module
	libs   []string // import paths of other modules; a package below one of them is allowed too
	strict regime   // rules beyond the imports
	public bool     // has a golden in api, and a doc comment for each exported name
}

// table is the imports table. Of the standard library everything is allowed, except what a row's regime takes away.
var table = []row{
	{pkg: "core", strict: machine, public: true},
	{pkg: "core/classic", module: []string{"core"}, strict: machine, public: true},
	{pkg: "core/comm", module: []string{"core"}, strict: machine, public: true},
	{pkg: "netsim", strict: deterministic | integers, public: true},
	{pkg: "scenarios", libs: []string{"go.yaml.in/yaml/v4", "github.com/invopop/jsonschema"}, public: true},
	{pkg: "scenarios/scenariogen", module: []string{"scenarios"}, libs: []string{"pgregory.net/rapid"}, public: true},
	{pkg: "checker", module: []string{"checker/trace"}, libs: []string{"github.com/anishathalye/porcupine"}, strict: deterministic, public: true},
	{pkg: "checker/trace", strict: deterministic, public: true},
	{
		pkg: "sim", public: true, strict: deterministic | integers,
		module: []string{"core", "core/classic", "core/comm", "netsim", "scenarios", "checker", "checker/trace", "internal/record", "internal/story", "sim/capsule"},
		libs:   []string{"github.com/zeebo/xxh3"},
	},
	{pkg: "sim/capsule", module: []string{"scenarios", "checker/trace"}, strict: randomness | clocks | concurrency | mapOrder, public: true},
	{
		pkg: "sim/explore", public: true, strict: deterministic | integers,
		module: []string{"core", "sim", "sim/capsule", "sim/explore/search", "scenarios", "checker", "checker/trace", "internal/record"},
		libs:   []string{"github.com/zeebo/xxh3"},
	},
	{pkg: "sim/explore/search", public: true, strict: deterministic, libs: []string{"github.com/zeebo/xxh3"}},
	{pkg: "realnet", module: []string{"core", "core/comm", "checker/trace", "internal/record"}, libs: everything, public: true},
	{pkg: "internal/record", module: []string{"core", "checker/trace"}},
	{pkg: "internal/conform", module: []string{"core", "core/comm", "checker/trace", "internal/record"}},
	{pkg: "internal/cluster", module: []string{"core", "realnet", "scenarios", "checker/trace"}, libs: everything},
	{pkg: "internal/trial", module: []string{"checker", "checker/trace", "internal/cluster", "internal/conform"}},
	{pkg: "internal/fidelity", module: []string{"checker/trace", "internal/cluster", "scenarios", "sim"}},
	{pkg: "internal/fleet", module: []string{"sim", "scenarios", "checker/trace"}, libs: everything},
	{pkg: "internal/house"},
	{pkg: "internal/seeds", module: []string{"sim"}},
	{pkg: "internal/expect", module: []string{"scenarios"}},
	{
		pkg:    "internal/report",
		module: []string{"internal/expect", "internal/seeds", "sim", "scenarios", "checker", "checker/trace"},
		libs:   []string{"gonum.org/v1/gonum/stat/distuv"},
	},
	{pkg: "internal/story", module: []string{"checker/trace"}},
	{pkg: "internal/corpus", module: []string{"core/classic", "scenarios", "sim", "sim/capsule", "sim/explore", "checker", "internal/story", "testdata/capsules"}},
	{pkg: "testdata/capsules"}, // a line that embeds them: they are where a user looks for them, and in the program
	{
		pkg:    "internal/gate",
		module: []string{"checker", "checker/trace", "internal/cluster", "internal/corpus", "internal/report", "internal/seeds", "internal/trial", "scenarios", "sim", "sim/capsule", "sim/explore", "sim/explore/search"},
	},
	{pkg: "internal/corpus/make", module: []string{"internal/corpus", "sim/capsule"}},
	{pkg: "internal/corpus/ladder", module: []string{"internal/corpus"}},
	{pkg: "internal/corpus/outcomes", module: []string{"internal/corpus"}},
	{pkg: "internal/planted", module: []string{"internal/expect", "scenarios", "sim", "sim/explore", "checker"}},
	{pkg: "internal/planted/hunt", module: []string{"internal/planted"}},
	{pkg: "cmd/nexarsim", module: everything, libs: everything},
}

// everything stands for no limit here: the compiler's and go.mod's limits remain.
var everything = []string{"*"}

// exempt lists the files of a package in which some rule does not hold, with the reason.
var exempt = []struct {
	pkg, file string // file is a pattern
	from      regime
	why       string
}{
	{"sim", "sweep*.go", concurrency | clocks | hosts, "a sweep spreads whole runs over workers and measures how long they take"},
	{"sim", "check*.go", concurrency | hosts, "a test's helper, which keeps capsules in the caller's testdata"},
	{"sim", "shrink.go", concurrency, "whoever asked may end it early: a context, and no goroutine"},
	{"sim", "double*.go", concurrency, "a second run of one seed, beside the first"},
	{"sim/explore", "intern.go", concurrency, "the parts of states are shared by the workers of a search, each part the same whoever makes it"},
	{"sim/explore", "claims.go", concurrency, "the workers of a search check its claims too; what they find is merged by kind, whoever finds it"},
	{"sim/explore", "explore.go", concurrency, "a search can be interrupted: it takes a context"},
	{"sim/explore", "pct.go", concurrency, "random runs can be interrupted: they take a context"},
	{"sim/explore", "capsuleshrink.go", concurrency, "shrinking can be interrupted: it takes a context"},
	{"sim/explore/search", "*.go", concurrency, "workers expand parts of one level; what they find does not depend on who finds it first, which its tests compare"},
}

// A regime is a set of rules that a package keeps.
type regime uint

const (
	concurrency regime = 1 << iota // no goroutine, channel, select, lock, context
	clocks                         // no clock: what time it is, is an argument
	hosts                          // no operating system, log, network; nothing printed
	randomness                     // no random numbers
	globals                        // no package variable that can change
	mapOrder                       // no order taken from a map
	integers                       // no floating-point arithmetic
	coreOnly                       // of the standard library, what coreStd lists

	deterministic = concurrency | clocks | hosts | randomness | globals | mapOrder
	machine       = deterministic | integers | coreOnly
)

// coreStd is what core and the packages below it may import of the standard library. A package with a list of names
// may be used for these names only.
var coreStd = map[string][]string{
	"cmp":       nil,
	"errors":    nil,
	"fmt":       nil,
	"hash/fnv":  nil,
	"math":      {"MaxInt", "MaxInt8", "MaxInt16", "MaxInt32", "MaxInt64", "MinInt", "MinInt64", "MaxUint", "MaxUint8", "MaxUint16", "MaxUint32", "MaxUint64", "Float32bits", "Float32frombits", "Float64bits", "Float64frombits"},
	"math/bits": nil,
	"slices":    nil,
	"sort":      nil,
	"strconv":   nil,
	"strings":   nil,
	"time":      {"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"},
}

// banned is what a rule takes away of the standard library outside of core: whole packages, those below them included,
// and what to use instead.
var banned = []struct {
	rule    regime
	imports []string
	instead string
}{
	{concurrency, []string{"sync", "context"}, "one goroutine drives a run: pass the value as an argument; workers belong in sim's sweep"},
	{hosts, []string{"os", "log", "net", "syscall", "runtime", "io/ioutil", "path/filepath"}, "take an io.Reader, io.Writer or io/fs.FS, or return the value: commands do input, output and logs"},
	{randomness, []string{"math/rand", "crypto/rand", "hash/maphash"}, "ask the run's decisions, which hash the seed with what the choice means"},
}

// bannedNames is what a rule takes away of a package that may be imported.
var bannedNames = []struct {
	rule    regime
	pkg     string
	names   []string
	instead string
}{
	{clocks, "time", []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "Local"}, "take the time as an argument (core.Instant, or nanoseconds of virtual time)"},
	{hosts, "fmt", []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}, "return the text, or write it to an io.Writer that the caller gives"},
	{mapOrder, "maps", []string{"All", "Keys", "Values"}, "slices.Sorted(maps.Keys(m)), or a sorted slice instead of the map"},
}

func rowOf(pkg string) (row, bool) {
	i := slices.IndexFunc(table, func(r row) bool { return r.pkg == pkg })
	if i < 0 {
		return row{}, false
	}
	return table[i], true
}

// rules says which rules hold in one file of a package.
func (r row) rules(file string) regime {
	set := r.strict
	for _, e := range exempt {
		if ok, _ := path.Match(e.file, path.Base(file)); ok && e.pkg == r.pkg {
			set &^= e.from
		}
	}
	return set
}

// covers reports whether list has the import path or one above it.
func covers(list []string, importPath string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return p == "*" || p == importPath || strings.HasPrefix(importPath, p+"/")
	})
}
