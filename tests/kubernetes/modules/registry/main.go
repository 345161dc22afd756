// The distribution registry with only its storage driver for folders. The drivers for three clouds take most of the time to
// compile.
package main

import (
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"

	"github.com/distribution/distribution/v3/registry"
)

func main() {
	// It reports its errors itself.
	_ = registry.RootCmd.Execute()
}
