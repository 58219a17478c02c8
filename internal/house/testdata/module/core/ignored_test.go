package core

import "os"

var changing int

func helper() { changing++; go os.Exit(changing) }
