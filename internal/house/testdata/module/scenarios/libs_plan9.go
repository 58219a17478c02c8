package scenarios

import (
	_ "github.com/spf13/cobra" // want imports
	_ "go.yaml.in/yaml/v4"
	_ "go.yaml.in/yaml/v5" // want imports
)
