package sim
import ("testing";"nexarsim/scenarios";"fmt";"nexarsim/checker/trace";"os";"strconv")
func TestY(t *testing.T){
    sc,ok := scenarios.Builtin(os.Getenv("SC")); if !ok {t.Fatal()}
    seed,_ := strconv.Atoi(os.Getenv("SEED"))
    p := os.Getenv("P"); if p=="" {p="quorum"}
    s := New()
    res, err := s.Run(Spec{Scenario: sc, Protocol:p, Seed: uint64(seed), Observe: func(e *trace.Event){
      ms := fmt.Sprintf("%.3f", float64(e.T)/1e6)
      switch e.Kind { case trace.Send, trace.Deliver: if e.Msg.Type=="heartbeat" {return}; fmt.Println(ms, e.Node, e.Kind, "to",e.To,"from", e.From, e.Msg.Type, "e",e.Msg.Epoch,"b",e.Msg.Round,e.Msg.Coordinator, e.Msg.Set,e.Msg.Num, e.Used); return
      case trace.Drop: return
      case trace.Install: fmt.Println(ms, e.Node, e.Kind, *e.Install);return
      case trace.Told: fmt.Println(ms, e.Node, e.Kind, *e.Told);return
      case trace.Suspect, trace.Trust: fmt.Println(ms, e.Node, e.Kind, e.Peer);return
      }
      if e.Act!=nil {fmt.Println(ms, e.Node, e.Kind, *e.Act); return}
      fmt.Println(ms, e.Node, e.Kind, e.Why, e.Error) }})
    if err!=nil {t.Fatal(err)}
    fmt.Printf("%+v\n", res.Verdict)
}
