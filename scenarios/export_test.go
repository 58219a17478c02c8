package scenarios

// DecoderWords gives what the decoder knows, by the place in the schema: fields of mappings, words of enumerations.
func DecoderWords() map[string][]string {
	return map[string][]string{
		"":                     scenarioFields,
		".model":               modelWords,
		".expect":              protocolWords,
		".workload":            workloadWords,
		".workload.register":   registerFields,
		".workload.allreduce":  everyFields,
		".workload.barrier":    everyFields,
		"$protocol":            protocolWords,
		"$property":            propertyWords,
		"$kind":                messageWords,
		"$config":              configFields,
		"$config.policy":       policyWords,
		"$network":             networkFields,
		"$network.transport":   transportWords,
		"$latency":             latencyFields,
		"$latency.exponential": exponential,
		"$latency.bimodal":     bimodal,
		"$link":                linkFields,
		"$trigger":             triggerFields,
		"$fault":               faultFields,
		"$fault.suspect[]":     accusationFields,
		"$fault.slow":          slowFields,
		"$fault.skew[]":        skewFields,
		"$fault.app":           appWords,
		"$fault.random":        randomFields,
		"$expectation":         expectationFields,
	}
}
