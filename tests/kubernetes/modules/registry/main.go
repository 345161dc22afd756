// A registry whose images lie in a folder: distribution without its drivers for three clouds, which take most of the
// time to compile.
package main

import (
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"

	"github.com/distribution/distribution/v3/registry"
)

func main() {
	// It says what was wrong itself.
	_ = registry.RootCmd.Execute()
}
