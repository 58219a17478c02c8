package netsim

import _ "github.com/zeebo/xxh3" // want imports
