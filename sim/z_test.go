package sim
import ("testing";"nexarsim/scenarios";"fmt";"context";"time";"slices")
func TestZ(t *testing.T){
  var scs []*scenarios.Scenario
  for _,n := range scenarios.Names() { sc,_ := scenarios.Builtin(n); if sc.Workload==nil {scs=append(scs,sc)} }
  st := time.Now()
  r, err := Sweep(context.Background(), SweepSpec{Scenarios: scs, Protocols: []string{"quorum","fail-stop"}, Seeds: SeedRange(1,2000)})
  if err!=nil {t.Fatal(err)}
  fmt.Println(time.Since(st), r.Runs, r.Steps, r.Undecided)
  for _, f := range r.Findings {
    sc,_ := scenarios.Builtin(f.Scenario)
    ok := false
    for _,e := range sc.Expect { if e.Protocol==f.Protocol && (slices.Contains(e.May,f.Property)||slices.Contains(e.Violates,f.Property)) {ok=true} }
    if !ok { fmt.Printf("UNEXPECTED %s %s %s live=%v seed=%d n=%d %s\n", f.Scenario,f.Protocol,f.Property,f.Liveness,f.Seed,f.Count,f.Why)}
  }
  for _, sc := range scs { for _,e := range sc.Expect { for _,v := range e.Violates { found:=false; for _,f := range r.Findings { if f.Scenario==sc.Name&&f.Protocol==e.Protocol&&f.Property==v {found=true} }; if !found && e.Protocol!="classic" {fmt.Println("MISSING",sc.Name,e.Protocol,v)} } } }
  for _,u := range r.Unfired { if u.Count==300 {fmt.Println(u)} }
  for _,p := range r.Reach.Missing() { fmt.Println("NEVER", p) }
  for i, m := range r.Malformed { if i<20 {fmt.Println(m)} }
}
