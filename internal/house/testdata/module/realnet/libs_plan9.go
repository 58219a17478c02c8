package realnet

import (
	_ "github.com/quic-go/quic-go"
	_ "github.com/quic-go/quic-go/qlog"
)
