// Package house holds the rules of this codebase that a compiler does not check, as tests:
//
//   - which package may import which, as one table (table_test.go);
//   - what keeps a run a function of its seed: no clock, randomness, goroutine, global variable or map order in core,
//     netsim, checker and sim's run files, and no floating-point arithmetic in what reaches a digest (rules_test.go);
//   - the exported API of every public package, against a golden text in api (api_test.go);
//   - formatting, length of files, doc comments, words that must not stay, links between documents (text_test.go).
//
// A finding names file and line, what was found, and what to write instead. The rules look at non-test files only, and
// they are tested themselves: testdata/module is a small module that breaks each rule once, beside its nearest
// neighbour that does not.
//
// The package has no code of its own and nothing imports it. It does not judge style beyond this list: that is for a
// reader.
//
//	go test ./internal/house                  # all rules
//	go test ./internal/house -run API -update # accept a changed API
package house
