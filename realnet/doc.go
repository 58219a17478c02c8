// Package realnet is the place of the driver that runs a core.Machine over QUIC in a real process. This version holds no
// driver: the package exists so that its name and its neighbours in the table of imports are settled. What a driver owes
// to a machine is numbered in the comment of package core; the commands that need one (cluster, node) say that they are
// not there.
package realnet
