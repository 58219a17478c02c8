// Package report is what commands tell about runs and sweeps: the JSON documents that scripts read, the exit code, the
// merge of several sweeps' documents, and the bound that a clean sweep allows. It makes no runs and prints nothing.
//
//	doc := report.NewRun(res)
//	doc.Exit = facts.Code()
package report
