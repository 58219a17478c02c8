// Package scenarios reads scenario files: what happens to a group of nodes, when, and what is expected of each protocol.
//
// It parses rather than validates: what [Parse] returned is complete, its defaults are filled in and every number is in
// range, so nobody checks a scenario a second time. What is wrong with a file is told all at once, each complaint with
// its line, its column, the field's path and a hint ([Errors]). What is merely odd is advice of [Lint].
//
// It deliberately runs nothing, draws nothing from a seed and knows no protocol: a file format does not follow a
// refactoring of what it describes.
//
//	s, err := scenarios.Parse("split.yaml", data)
//	if err != nil {
//		return err // split.yaml:14:7: faults[2].partiton: unknown field
//	}
//	header := scenarios.JSON(s) // canonical, with defaults; parses again to an equal scenario
//
// The built-in scenarios are files of the same format under builtin, embedded, one for each name ([Names], [Builtin],
// [Source]); schema.json describes the format for editors ([Schema]).
package scenarios
