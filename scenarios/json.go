package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// member is one field of an object, which keeps the order in which it was written.
type member struct {
	name  string
	value any // string, int, int64, bool, Rate, time.Duration, object, or a slice of such
}

// object is a JSON object with a fixed order of fields, so that equal scenarios are equal bytes.
type object []member

// JSON gives the scenario as one line of JSON: every field as in the file, in a fixed order, with defaults filled in.
// [Parse] reads it again to an equal scenario (but for the lines of faults).
func JSON(s *Scenario) []byte {
	return appendValue(nil, scenarioObject(s))
}

// ConfigJSON gives the scenario's config alone, with defaults filled in.
func ConfigJSON(s *Scenario) []byte {
	return appendValue(nil, configObject(s.Config))
}

// scenarioObject is the whole file.
func scenarioObject(s *Scenario) object {
	o := object{{"name", s.Name}}
	if s.About != "" {
		o = append(o, member{"about", s.About})
	}
	o = append(o,
		member{"world", rangeValue(s.World)},
		member{"protocol", s.Protocol},
		member{"model", s.Model.String()},
		member{"config", configObject(s.Config)},
		member{"network", networkObject(s.Network)},
		member{"duration", s.Duration},
		member{"settle", s.Settle},
		member{"faults", objects(s.Faults, faultObject)},
	)
	if s.Workload != nil {
		o = append(o, member{"workload", workloadObject(s.Workload)})
	}
	if len(s.Expect) > 0 {
		o = append(o, member{"expect", expectObject(s.Expect)})
	}
	return o
}

// configObject is config.
func configObject(c Config) object {
	return object{
		{"policy", c.Policy},
		{"heartbeat_interval", c.HeartbeatInterval},
		{"heartbeat_timeout", c.HeartbeatTimeout},
		{"recovery_timeout", c.RecoveryTimeout},
	}
}

// networkObject is network. A transport that is left to the protocol is left out.
func networkObject(n Network) object {
	o := object{
		{"latency", latencyValue(n.Latency)},
		{"loss", n.Loss},
		{"duplicate", n.Duplicate},
		{"reorder", n.Reorder},
		{"idle_timeout", n.IdleTimeout},
	}
	if n.Transport != "" {
		o = append(o, member{"transport", n.Transport})
	}
	return o
}

// latencyValue is network.latency.
func latencyValue(l Latency) any {
	switch l.Kind {
	case Exponential:
		return object{{"exponential", object{{"min", l.Min}, {"mean", l.Mean}}}}
	case Bimodal:
		return object{{"bimodal", object{
			{"fast", formatSpan(l.Min, l.Max)}, {"slow", formatSpan(l.SlowMin, l.SlowMax)}, {"share", l.Share},
		}}}
	default:
		return formatSpan(l.Min, l.Max)
	}
}

// faultObject is one entry of faults.
func faultObject(f Fault) object {
	if f.Random != nil {
		return object{{"random", randomObject(f.Random)}}
	}
	var o object
	if f.When != nil {
		o = append(o, member{"when", triggerObject(f.When)})
	} else {
		o = append(o, member{"at", f.At})
	}
	o = append(o, actMembers(f.Act)...)
	if f.For > 0 {
		o = append(o, member{"for", f.For})
	}
	return o
}

// randomObject is random.
func randomObject(r *Random) object {
	return object{
		{"crashes", rangeValue(r.Crashes)},
		{"partitions", rangeValue(r.Partitions)},
		{"cuts", rangeValue(r.Cuts)},
		{"pauses", rangeValue(r.Pauses)},
		{"suspicions", rangeValue(r.Suspicions)},
		{"between", formatSpan(r.BetweenMin, r.BetweenMax)},
	}
}

// triggerObject is when.
func triggerObject(t *Trigger) object {
	o := object{{"node", t.Node}}
	switch t.Kind {
	case Sends, Receives:
		o = append(o, member{t.Kind.String(), t.Message})
	case Suspects:
		o = append(o, member{t.Kind.String(), t.Of})
	case Installs:
		o = append(o, member{t.Kind.String(), t.Epoch})
	}
	o = append(o, member{"nth", t.Nth})
	if t.Peer >= 0 {
		o = append(o, member{"peer", t.Peer})
	}
	if t.Kind != Installs && t.Epoch >= 0 {
		o = append(o, member{"epoch", t.Epoch})
	}
	return o
}

// actMembers are the fields of a fault that say what happens.
func actMembers(a Act) object {
	name := a.Kind.String()
	switch a.Kind {
	case ActCrash:
		o := object{{name, a.Nodes}}
		if a.Silent {
			o = append(o, member{"silent", true})
		}
		return o
	case ActPartition:
		return object{{name, a.Groups}}
	case ActCut:
		return object{{name, objects(a.Links, linkObject)}}
	case ActSuspect:
		return object{{name, objects(a.Suspect, accusationObject)}}
	case ActSlow:
		return object{{name, object{{"nodes", a.Nodes}, {"by", a.By}}}}
	case ActLoss, ActDuplicate:
		o := object{{name, a.Rate}}
		if len(a.Links) > 0 {
			o = append(o, member{"links", objects(a.Links, linkObject)})
		}
		return o
	case ActSkew:
		return object{{name, objects(a.Skew, skewObject)}}
	case ActApp:
		return object{{name, object{{a.Op, a.Nodes}}}}
	default: // pause, hold
		return object{{name, a.Nodes}}
	}
}

// linkObject is an entry of cut and links.
func linkObject(l Link) object { return object{{"from", l.From}, {"to", l.To}} }

// accusationObject is an entry of suspect.
func accusationObject(a Accusation) object { return object{{"by", a.By}, {"of", a.Of}} }

// skewObject is an entry of skew.
func skewObject(s ClockSkew) object {
	return object{{"node", s.Node}, {"rate", Rate(s.Rate)}, {"step", s.Step}}
}

// workloadObject is workload.
func workloadObject(w *Workload) object {
	settings := object{{"every", w.Every}}
	if w.Kind == "register" {
		settings = object{{"clients", w.Clients}, {"every", w.Every}}
	}
	return object{{w.Kind, settings}}
}

// expectObject is expect.
func expectObject(all []Expectation) object {
	var o object
	for _, e := range all {
		if len(e.Violates) == 0 && len(e.May) == 0 {
			o = append(o, member{e.Protocol, "pass"})
			continue
		}
		o = append(o, member{e.Protocol, object{{"violates", e.Violates}, {"may", e.May}}})
	}
	return o
}

// rangeValue is a number if the range holds only one.
func rangeValue(r Range) any {
	if r.Min == r.Max {
		return r.Min
	}
	return r.String()
}

// objects makes an object of each entry.
func objects[T any](all []T, of func(T) object) []object {
	list := make([]object, len(all))
	for i, x := range all {
		list[i] = of(x)
	}
	return list
}

// appendValue writes one value.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(b, v)
	case int, int64, bool, Rate:
		return fmt.Append(b, v)
	case time.Duration:
		return appendText(b, FormatDuration(v))
	case object:
		return appendObject(b, v)
	case []object:
		return appendList(b, v)
	case []int:
		return appendList(b, v)
	case [][]int:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	}
	panic(fmt.Sprintf("scenarios: no JSON for %T", v)) // an invariant of this file
}

// appendObject writes an object.
func appendObject(b []byte, o object) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, m.name), ':')
		b = appendValue(b, m.value)
	}
	return append(b, '}')
}

// appendList writes a list.
func appendList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, x)
	}
	return append(b, ']')
}

// appendText writes a string as JSON and YAML both read it.
func appendText(b []byte, text string) []byte {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic("scenarios: a string has no JSON: " + err.Error()) // encoding/json encodes every string
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// FaultJSON gives one entry of faults as the file has it.
func FaultJSON(f *Fault) []byte { return appendValue(nil, faultObject(*f)) }
