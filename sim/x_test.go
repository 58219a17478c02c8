package sim
import ("testing";"nexarsim/scenarios";"fmt";"context";"time")
func TestS(t *testing.T){
  var scs []*scenarios.Scenario
  for _,n := range scenarios.Names() { sc,_ := scenarios.Builtin(n); if sc.Workload==nil {scs=append(scs,sc)} }
  st := time.Now()
  r, err := Sweep(context.Background(), SweepSpec{Scenarios: scs, Protocols: []string{"quorum","fail-stop"}, Seeds: SeedRange(1,20)})
  if err!=nil {t.Fatal(err)}
  fmt.Println(time.Since(st), r.Runs, r.Steps, r.Installs, r.DigestText(), len(r.Different), r.Different)
  for _, f := range r.Findings { if f.Protocol=="quorum" {fmt.Printf("%s %s %s live=%v seed=%d n=%d %s\n", f.Scenario,f.Protocol,f.Property,f.Liveness,f.Seed,f.Count,f.Why)} }
  for i, m := range r.Malformed { if i<20 {fmt.Println(m)} }
  fmt.Println(len(r.Malformed))
}
