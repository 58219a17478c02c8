package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/core"
	"nexarsim/internal/cluster"
	"nexarsim/realnet"
)

// memberVariable is set in the environment of a launched member. The tests' binary looks at it: there the program that
// cluster starts is a test.
const memberVariable = "NEXARSIM_MEMBER"

// nodeFlags are those of `node`.
type nodeFlags struct {
	launched     bool
	init         string
	members      []string
	trace, rule  string
	metrics      string
	workload     string
	connectLimit time.Duration
}

func (a *app) nodeCommand() *cobra.Command {
	var f nodeFlags
	cmd := &cobra.Command{
		Use:   "node FILE",
		Short: "Is one real member of a group",
		Long: `node takes part in a group as the member that FILE describes, prints what the group tells its application and how the
calls of --workload end as JSON lines, and leaves the group when it is interrupted. FILE is JSON: self, members (id and
address of each, the same list at every member), and the names of the files with this member's certificate, its private
key and the authority's certificate.
Nobody takes part without a certificate of that authority. Durations and policy come from the environment:
NEXAR_RECOVERY_POLICY, NEXAR_HEARTBEAT_INTERVAL_SECS and so on. --init makes such files, with an authority that is
forgotten afterwards, for a group to try out; then: nexarsim node group/a.json`,
		Example: "  nexarsim node --init group --member a=127.0.0.1:7946 --member b=127.0.0.1:7947",
		RunE:    func(_ *cobra.Command, args []string) error { return a.node(&f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.launched, "launched", false, "take orders on standard input, as from cluster")
	flags.StringVar(&f.init, "init", "", "make the files of a new group in this `directory`")
	flags.StringArrayVar(&f.members, "member", nil, "a member of the new group: `ID=HOST:PORT`; repeated, in rank order")
	flags.StringVar(&f.rule, "protocol", "quorum", "`protocol`: quorum or fail-stop")
	flags.StringVar(&f.trace, "trace", "", "write this member's part of a trace to this `file`")
	flags.StringVar(&f.metrics, "metrics", "", "offer metrics to Prometheus at this address: `HOST:PORT`")
	flags.StringVar(&f.workload, "workload", "", "what this member's application does all along: `barrier`, allreduce or register; the same at all members")
	flags.DurationVar(&f.connectLimit, "connect", 5*time.Minute, "how long to wait for the other members: a `duration`")
	if err := flags.MarkHidden("launched"); err != nil {
		panic(err) // no such flag: a mistake of this program
	}
	example(cmd, "member", "a=127.0.0.1:7946")
	example(cmd, "init", "group")
	example(cmd, "connect", "1m")
	example(cmd, "metrics", "127.0.0.1:9100")
	example(cmd, "workload", "allreduce")
	return cmd
}

func (a *app) node(f *nodeFlags, args []string) error {
	if err := checkWorkload(f.workload); err != nil {
		return err
	}
	switch {
	case f.launched:
		signal.Ignore(os.Interrupt) // ^C goes to all processes of a terminal: the launcher ends its members
		if err := cluster.Serve(a.stdin, a.stdout, a.stderr); err != nil {
			return &errHarness{err: err}
		}
		return nil
	case f.init != "":
		return a.initGroup(f)
	case len(args) == 0:
		return usage("nexarsim node -h tells how to make one", "node: which file?")
	}
	if err := tooMany(args, 1, "a process is one member"); err != nil {
		return err
	}
	cfg, err := readMember(args[0])
	if err != nil {
		return err
	}
	if cfg.Core, err = core.ConfigFromEnv(os.LookupEnv); err != nil {
		return usage("", "%s", err)
	}
	switch f.rule {
	case "quorum":
	case "fail-stop":
		cfg.Core.Rule = core.FailStop
	default:
		return usage("write --protocol quorum", "--protocol: expected quorum or fail-stop, found %s", show(f.rule))
	}
	if f.workload == "register" {
		cfg.Machine = realnet.Registered
	}
	cfg.Logger = slog.New(slog.NewTextHandler(a.stderr, nil))
	cfg.QlogTrace = os.Getenv("QLOGDIR") != ""
	return a.takePart(f, cfg)
}

// memberFile is what describes a member. File names are relative to it.
type memberFile struct {
	Self        string           `json:"self"`
	Members     []realnet.Member `json:"members"`
	Listen      string           `json:"listen,omitempty"`
	Certificate string           `json:"certificate"`
	Key         string           `json:"key"`
	Authority   string           `json:"authority"`
}

func readMember(name string) (realnet.Config, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return realnet.Config{}, fileError(name, err)
	}
	m, err := parseMember(name, text)
	if err != nil {
		return realnet.Config{}, err
	}
	beside := func(file string) string {
		if filepath.IsAbs(file) {
			return file
		}
		return filepath.Join(filepath.Dir(name), file)
	}
	creds, err := realnet.LoadCredentials(beside(m.Certificate), beside(m.Key), beside(m.Authority))
	if err != nil {
		return realnet.Config{}, usage("", "%s: %s", name, err)
	}
	return realnet.Config{Self: m.Self, Members: m.Members, Listen: m.Listen, Credentials: creds}, nil
}

// parseMember reads what describes a member. Without each of the three files there is no member: nothing listens, on whatever
// address, that cannot tell members from strangers.
func parseMember(name string, text []byte) (*memberFile, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var m memberFile
	if err := dec.Decode(&m); err != nil {
		return nil, usage("nexarsim node -h tells what stands in it", "%s: %s", name, err)
	}
	for _, f := range []struct{ field, file string }{{"certificate", m.Certificate}, {"key", m.Key}, {"authority", m.Authority}} {
		if f.file == "" {
			return nil, usage("nexarsim node --init makes these files for a new group",
				"%s: %s: expected the name of a file: a member listens only with its certificate and the authority's", name, f.field)
		}
	}
	return &m, nil
}

// takePart is a member until it is interrupted, or its part in the group ends.
func (a *app) takePart(f *nodeFlags, cfg realnet.Config) error {
	ctx, stop := interruptible()
	defer stop()
	g, err := realnet.New(cfg)
	if err != nil {
		return usage("", "%s", err)
	}
	defer g.Close()
	if f.trace != "" {
		file, err := os.Create(f.trace)
		if err != nil {
			return fileError(f.trace, err)
		}
		defer file.Close() // each step's lines are in the file already
		g.Record(file)
	}
	if f.metrics != "" {
		if err := serveMetrics(ctx, f.metrics, g); err != nil {
			return err
		}
	}
	limit, cancel := context.WithTimeout(ctx, f.connectLimit)
	defer cancel()
	if err := g.Connect(limit); err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return &errHarness{err: err}
	}
	if err := g.Start(realnet.Monotonic()); err != nil {
		return &errHarness{err: err}
	}
	return a.followGroup(ctx, g, f.workload)
}

// told is a line that node prints.
type told struct {
	Kind         string `json:"kind"`
	Epoch        uint64 `json:"epoch"`
	OldRank      int    `json:"old_rank"`
	NewRank      int    `json:"new_rank"`
	NewWorldSize int    `json:"new_world_size"`
	DeadRanks    []int  `json:"dead_ranks"`
}

func (a *app) followGroup(ctx context.Context, g *realnet.Group, workload string) error {
	lines := &oneAtATime{w: a.stdout}
	out := json.NewEncoder(lines)
	quit, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-g.Ended():
			cancel()
		case <-quit.Done():
		}
	}()
	if workload != "" {
		w := &worker{g: g, kind: workload, print: json.NewEncoder(lines)}
		done := make(chan struct{})
		go func() { defer close(done); w.work(quit) }()
		defer func() { cancel(); <-done }()
	}
	for {
		ev, err := g.Events().Next(quit)
		if err != nil {
			break
		}
		line := told{ev.Kind.String(), uint64(ev.Epoch), int(ev.OldRank), int(ev.NewRank), ev.NewWorldSize, []int{}}
		for _, r := range ev.DeadRanks {
			line.DeadRanks = append(line.DeadRanks, int(r))
		}
		_ = out.Encode(line) // who read it may have gone away
	}
	var end *realnet.EndError
	if err := g.Err(); errors.As(err, &end) {
		if end.Why == core.EndError {
			return &errHarness{err: end}
		}
		a.say(end.Error(), "")
		return nil
	}
	return g.Shutdown(context.Background())
}

// initGroup makes the files of a new group.
func (a *app) initGroup(f *nodeFlags) error {
	if len(f.members) == 0 {
		return usage("write --member a=127.0.0.1:7946 for each", "node --init: which members?")
	}
	var members []realnet.Member
	for _, text := range f.members {
		id, addr, ok := strings.Cut(text, "=")
		if _, _, err := net.SplitHostPort(addr); !ok || err != nil || id == "" || filepath.Base(id) != id {
			return usage("write --member a=127.0.0.1:7946", "--member: expected ID=HOST:PORT, found %s", show(text))
		}
		members = append(members, realnet.Member{ID: id, Address: addr})
	}
	if err := createDir(f.init); err != nil {
		return err
	}
	ca, err := realnet.NewAuthority(groupValid)
	if err != nil {
		return &errHarness{err: err}
	}
	if err := writeNew(filepath.Join(f.init, "authority.pem"), realnet.PEM(ca.Certificate()), 0o644); err != nil {
		return err
	}
	for _, m := range members {
		if err := writeMember(f.init, m.ID, members, ca); err != nil {
			return err
		}
		a.print(filepath.Join(f.init, m.ID+".json") + "\n")
	}
	return nil
}

// groupValid is how long the certificates of a new group are good for.
const groupValid = 30 * 24 * time.Hour

func writeMember(dir, id string, members []realnet.Member, ca *realnet.Authority) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return &errHarness{err: err}
	}
	cert, err := ca.Issue(id, public, nil, groupValid)
	if err != nil {
		return &errHarness{err: err}
	}
	key, err := realnet.KeyPEM(private)
	if err != nil {
		return &errHarness{err: err}
	}
	text, err := json.MarshalIndent(memberFile{Self: id, Members: members, Certificate: id + ".pem", Key: id + ".key", Authority: "authority.pem"}, "", "  ")
	if err != nil {
		return &errHarness{err: err}
	}
	for _, f := range []struct {
		name string
		text []byte
		mode os.FileMode
	}{{id + ".pem", realnet.PEM(cert), 0o644}, {id + ".key", key, 0o600}, {id + ".json", append(text, '\n'), 0o644}} {
		if err := writeNew(filepath.Join(dir, f.name), f.text, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file that must not be there: a key is never replaced.
func writeNew(name string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fileError(name, err)
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return &errHarness{err: fmt.Errorf("write %s: %w", name, err)}
	}
	return nil
}
