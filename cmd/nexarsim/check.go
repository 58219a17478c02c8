package main

import (
	"github.com/spf13/cobra"
)

func (a *app) mergeCommand() *cobra.Command  { return &cobra.Command{Use: "merge"} }
func (a *app) replayCommand() *cobra.Command { return &cobra.Command{Use: "replay"} }
func (a *app) checkCommand() *cobra.Command  { return &cobra.Command{Use: "check"} }
