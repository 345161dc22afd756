package main

import (
	"fmt"
	"os"
	"time"
)

// The format of k3s: k3d looks for whole phrases, and for level=fatal in the last line of a node that ended.
func log(level, format string, values ...any) {
	fmt.Printf("time=%q level=%s msg=%q\n", time.Now().UTC().Format(time.RFC3339), level, fmt.Sprintf(format, values...))
}

func info(format string, values ...any)    { log("info", format, values...) }
func warning(format string, values ...any) { log("warning", format, values...) }

func fatal(err error) {
	log("fatal", "%v", err)
	os.Exit(1)
}
