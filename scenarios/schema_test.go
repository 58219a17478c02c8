package scenarios_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"nexarsim/scenarios"
)

// compiledSchema gives a function that says why the schema refuses a file, YAML or JSON.
func compiledSchema(t *testing.T) func(data []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenarios.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(data []byte) error {
		value, err := asJSON(data)
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// asJSON turns YAML into the values that the schema knows.
func asJSON(data []byte) (any, error) {
	var value any
	if err := yaml.Load(data, &value); err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// TestBuiltinsFitSchema: what the decoder takes, the schema takes.
func TestBuiltinsFitSchema(t *testing.T) {
	accepts := compiledSchema(t)
	for _, name := range scenarios.Names() {
		if err := accepts(scenarios.Source(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaIsCurrent compares the fields and words of every mapping in the schema with those of the decoder.
func TestSchemaIsCurrent(t *testing.T) {
	var root schemaNode
	if err := json.Unmarshal(scenarios.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	root.collect("", got)
	for path, names := range scenarios.DecoderWords() {
		if diff := cmp.Diff(slices.Sorted(slices.Values(names)), got[path]); diff != "" {
			t.Errorf("%s: decoder and schema differ (-decoder +schema):\n%s", path, diff)
		}
		delete(got, path)
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		t.Errorf("%s: the schema has %v there, the decoder has no such mapping", path, got[path])
	}
}

// schemaNode is as much of a JSON Schema as holds fields and words.
type schemaNode struct {
	Properties map[string]*schemaNode `json:"properties"`
	Defs       map[string]*schemaNode `json:"$defs"`
	Items      *schemaNode            `json:"items"`
	OneOf      []*schemaNode          `json:"oneOf"`
	Enum       []string               `json:"enum"`
}

// collect gathers, by the way to them, the properties of each mapping and the words of each enumeration.
func (n *schemaNode) collect(path string, all map[string][]string) {
	if len(n.Properties) > 0 {
		all[path] = slices.Sorted(maps.Keys(n.Properties))
	}
	if len(n.Enum) > 0 {
		all[path] = slices.Sorted(slices.Values(n.Enum))
	}
	for name, child := range n.Properties {
		child.collect(path+"."+name, all)
	}
	for name, child := range n.Defs {
		child.collect("$"+name, all)
	}
	if n.Items != nil {
		n.Items.collect(path+"[]", all)
	}
	for _, child := range n.OneOf {
		child.collect(path, all)
	}
}
