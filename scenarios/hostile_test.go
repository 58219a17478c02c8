package scenarios_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"nexarsim/scenarios"
)

// within fills up to a size between a beginning and an end.
func within(size int, first, text, last string) string {
	return first + strings.Repeat(text, (size-len(first)-len(last))/len(text)) + last
}

// hostileTexts are long and hold few entries. They are within the bound of text outside of comments, or of the file.
func hostileTexts() map[string]string {
	const size, largest = 4<<20 - 4096, scenarios.MaxFileSize
	return map[string]string{
		"one long line":          within(size, "about: ", "a", ""),
		"words":                  within(size, "about: ", "a ", ""),
		"lines of text":          within(size, "about: |\n", " a\n", ""),
		"quoted lines":           within(size, "about: \"", "a\n", "\""),
		"unterminated quote":     within(size, "about: \"", "a\n", ""),
		"escapes":                within(size, "about: \"", "\\x41", "\""),
		"digits":                 within(size, "world: ", "1", ""),
		"decimals":               within(size, "network: {loss: 0.", "1", "}"),
		"long anchor":            within(size, "b: &", "a", " x"),
		"long tag":               within(size, "b: !", "a", " x"),
		"long unknown key":       within(size, "? \"", "a", "\"\n: [[[[1]]]]"),
		"long key above a list":  within(size, "\"", "a", "\": "+strings.Repeat("[", 90)+strings.Repeat("&a x,", 1000)+strings.Repeat("]", 90)),
		"documents":              within(size, "", "---\n", ""),
		"directives":             manyDirectives(size, "\n"),
		"directives after NEL":   manyDirectives(size, "\u0085"),
		"longest line":           within(largest, "about: ", "a", ""),
		"comments":               within(largest, "", "#\n", ""),
		"comments with old ends": within(largest, "", "#\r", ""),
		"blank lines":            within(largest, "", "\n", ""),
	}
}

// hostileTrees hold almost as many entries of lists and mappings as are permitted, or attempt to hold more.
func hostileTrees() map[string]string {
	const size = 118_000
	return map[string]string{
		"open lists":            within(size, "", "[", ""),
		"open mappings":         within(size, "", "{a: ", ""),
		"dashes":                within(size, "", "- ", ""),
		"questions":             within(size, "", "? ", ""),
		"empty lists":           within(size, "faults: [", "[],", "]"),
		"empty mappings":        within(size, "", "{}", ""),
		"numbers":               within(size, "name: x\nworld: 3\nfaults: [{at: 1s, crash: [", "0,", "]}]"),
		"faults":                within(2*size, "name: x\nworld: 3\nfaults: [", "{at: 1s, crash: [0]},", "]"),
		"keys without values":   within(size, "{", "a,", "}"),
		"empty pairs":           within(size, "[", "a: ,", "]"),
		"comment hides a list":  within(size, "name: x\nfaults: [ #\u2028", "0,", "]"),
		"aliases":               within(size, "a: &a [x]\nb: [", "*a,", "]"),
		"anchors":               within(2*size, "b: [", "&a x,", "]"),
		"more lists than fit":   within(64*size, "faults: [", "[],", "]"),
		"more numbers than fit": within(64*size, "faults: [", "0,", "]"),
	}
}

// manyDirectives are different ones, which the parser would compare with one another.
func manyDirectives(size int, lineBreak string) string {
	var b strings.Builder
	for i := 0; b.Len() < size-100; i++ {
		fmt.Fprintf(&b, "%%TAG !t%d! b%s", i, lineBreak)
	}
	return b.String() + "---" + lineBreak + "name: x"
}

// TestHostileFiles: no file takes long or costs more than 256 MiB.
func TestHostileFiles(t *testing.T) {
	for _, files := range []map[string]string{hostileTexts(), hostileTrees()} {
		for name, text := range files {
			t.Run(name, func(t *testing.T) { parseHostile(t, []byte(text)) })
		}
	}
}

// parseHostile bounds what one file costs.
func parseHostile(t *testing.T, data []byte) {
	start := time.Now()
	peak := peakMemory(func() {
		_, err := scenarios.Parse("hostile.yaml", data)
		if err != nil && len(err.Error()) > 100_000 {
			t.Errorf("a message of %d bytes", len(err.Error()))
		}
	})
	took := time.Since(start)
	t.Logf("%v, %d MiB", took.Round(time.Millisecond), peak>>20)
	if took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	if peak > 256<<20 {
		t.Errorf("needed %d MiB", peak>>20)
	}
}

// TestTooLargeIsRefusedUnread: a text beyond the limit is not looked at.
func TestTooLargeIsRefusedUnread(t *testing.T) {
	data := make([]byte, 100<<20)
	start := time.Now()
	if _, err := scenarios.Parse("large.yaml", data); err == nil || err.Error() != "large.yaml: larger than 16 MiB" {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// TestNotUTF8: text in another encoding is refused before it is parsed.
func TestNotUTF8(t *testing.T) {
	for _, text := range []string{"name: caf\xe9\nworld: 3\n", "\xff\xfen\x00a\x00m\x00e\x00"} {
		if _, err := scenarios.Parse("latin.yaml", []byte(text)); err == nil || err.Error() != "latin.yaml: not UTF-8" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// peakMemory runs f and gives how much more memory the heap held at most than before, sampled.
func peakMemory(f func()) uint64 {
	runtime.GC()
	before := heapBytes()
	done := make(chan struct{})
	var peak uint64
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				peak = max(peak, heapBytes())
			}
		}
	})
	f()
	close(done)
	sampler.Wait()
	return max(peak, before) - before
}

// heapBytes is what live and dead objects of the heap occupy.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
