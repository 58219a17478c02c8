package scenarios

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

const (
	// MaxWorld is the largest world of a scenario.
	MaxWorld = 4096
	// longestAbout bounds the description, in bytes.
	longestAbout = 4096
)

// The fields of each mapping of the format.
var (
	scenarioFields = []string{"name", "about", "world", "protocol", "model", "config", "network", "duration", "settle", "faults", "workload", "expect"}
	configFields   = []string{"policy", "heartbeat_interval", "heartbeat_timeout", "recovery_timeout"}
)

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ParseFile reads a scenario from a file. A file larger than [MaxFileSize] is refused unread.
func ParseFile(path string) (*Scenario, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return Parse(path, data)
}

// readLimited reads a file, or as much of it as shows that it is too large.
func readLimited(path string) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading: closing loses nothing
	return io.ReadAll(io.LimitReader(file, MaxFileSize+1))
}

// Parse reads a scenario. The name is what errors call the file. The error, if any, is [Errors]: everything that is
// wrong with the file.
func Parse(name string, data []byte) (*Scenario, error) {
	d := &decoder{file: name, data: data, refused: map[*yaml.Node]bool{}}
	s := d.scenario()
	if err := d.failure(); err != nil {
		return nil, err
	}
	return s, nil
}

// scenario reads the whole file.
func (d *decoder) scenario() *Scenario {
	root := d.document()
	if root == nil {
		return nil
	}
	f, ok := value{d: d, node: root}.fields("a mapping of fields", scenarioFields)
	if !ok {
		return nil
	}
	s := &Scenario{
		Name:     f.name(),
		About:    f.about(),
		World:    f.world(),
		Protocol: f.word("protocol", "protocol", protocolWords[0], protocolWords),
		Model:    f.model(),
		Config:   f.config(),
		Network:  f.network(),
		Duration: f.duration("duration", 2*time.Minute, 1),
		Settle:   f.duration("settle", time.Minute, 0),
		Workload: f.workload(),
	}
	d.world, d.smallest, d.model, d.policy = s.World, s.World.Min, s.Model, s.Config.Policy
	s.Faults = f.faults(s.Duration)
	s.Expect = f.expect()
	return s
}

// name reads the name, which is also a file's name and part of a digest.
func (f fields) name() string {
	v, ok := f.need("name", "every scenario has a name: name: leader-dies")
	if !ok {
		return ""
	}
	text, ok := v.text()
	if ok && !namePattern.MatchString(text) {
		v.fail("lower-case letters, digits, dot, underscore and dash, at most 64, beginning with a letter or digit", "not a name: %s", printable(text))
	}
	return text
}

// about reads the description as one line: it is shown in lists and on terminals.
func (f fields) about() string {
	v, ok := f.get("about")
	if !ok {
		return ""
	}
	text, ok := v.text()
	if !ok {
		return ""
	}
	if len(text) > longestAbout {
		v.fail("", "longer than %d bytes", longestAbout)
		return ""
	}
	text = strings.Join(strings.Fields(text), " ")
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		v.fail("", "holds a character that cannot be shown")
	}
	return text
}

// world reads how many nodes there are.
func (f fields) world() Range {
	v, ok := f.need("world", "how many nodes: world: 5, or world: 3..8 to draw it from the seed")
	if !ok {
		return Range{}
	}
	r, ok := v.wholeRange(1, MaxWorld)
	if !ok {
		return Range{}
	}
	return r
}

// model reads the failure model.
func (f fields) model() Model {
	if f.word("model", "model", Asynchronous.String(), modelWords) == CrashStop.String() {
		return CrashStop
	}
	return Asynchronous
}

// defaultConfig is the protocol's configuration where a file says nothing.
func defaultConfig() Config {
	return Config{Policy: policyWords[0], HeartbeatInterval: time.Second, HeartbeatTimeout: 5 * time.Second, RecoveryTimeout: 30 * time.Second}
}

// config reads the protocol's configuration.
func (f fields) config() Config {
	c := defaultConfig()
	v, ok := f.get("config")
	if !ok {
		return c
	}
	g, ok := v.fields("a mapping of settings", configFields)
	if !ok {
		return c
	}
	before := v.d.count
	c.Policy = g.word("policy", "policy", c.Policy, policyWords)
	c.HeartbeatInterval = g.duration("heartbeat_interval", c.HeartbeatInterval, 1)
	c.HeartbeatTimeout = g.duration("heartbeat_timeout", c.HeartbeatTimeout, 1)
	c.RecoveryTimeout = g.duration("recovery_timeout", c.RecoveryTimeout, 1)
	if v.d.count == before && c.HeartbeatTimeout <= c.HeartbeatInterval {
		g.shortTimeout(c)
	}
	return c
}

// shortTimeout complains where the interval or the timeout was written.
func (f fields) shortTimeout(c Config) {
	v, ok := f.get("heartbeat_timeout")
	if !ok {
		v = f.byName["heartbeat_interval"]
	}
	v.fail("a healthy peer would be suspected between two heartbeats; the defaults are 1s and 5s",
		"heartbeat_timeout (%s) must be longer than heartbeat_interval (%s)", FormatDuration(c.HeartbeatTimeout), FormatDuration(c.HeartbeatInterval))
}
