package v1alpha1

// Labels that people put on objects to say yes or no.
const (
	// OptOutLabel on a pod, whatever its value, keeps rightsize from changing
	// that pod, at creation and later. It belongs into the pod template.
	OptOutLabel = "rightsize.dev/opt-out"
	// OptInLabel with the value OptInDryRun on a namespace asks for a RightSize
	// in DryRun for each of its workloads that has none.
	OptInLabel  = "rightsize.dev/opt-in"
	OptInDryRun = "DryRun"
)

// FieldManager is the name under which rightsize writes.
const FieldManager = "rightsize"
