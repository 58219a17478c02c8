// Package explore goes through every schedule of a small group of nodes: the real machines, a network that delivers what
// is in flight in any order, and an environment that may crash a node, mislead one, split the group, lose a message, each
// at any moment and as often as a budget says.
package explore
