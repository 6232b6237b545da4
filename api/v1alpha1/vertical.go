package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Vertical bounds the size of the pods.
//
// +kubebuilder:validation:MinProperties=1
type Vertical struct {
	// mode says who chooses the size of the containers: Auto is rightsize, Fixed
	// leaves them as they are. Unset: Auto. Example: "Fixed".
	//
	// +optional
	// +kubebuilder:default=Auto
	Mode SizingMode `json:"mode,omitempty"`

	// containers are policies by container, at most 16. The name "*" stands for
	// every container that is not named. Native sidecars (init containers with
	// restartPolicy Always) are containers like any other; init containers that
	// end are left alone. Unset: every container is sized within the bounds of
	// the cluster-wide settings.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Containers []ContainerPolicy `json:"containers,omitempty"`

	// burstPercent is the CPU that containers may count on beyond their requests,
	// in percent of these, 1 to 1000: what nodes leave them where they have no
	// limit. Requests are never below what is expected to be used.
	// Unset: requests alone count. Example: 50.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	BurstPercent int32 `json:"burstPercent,omitempty"`

	// maxIncreasePercent is the most by which one change raises a request, 1 to
	// 10000. Raises after an OOM kill are not bound by it. Unset: no limit.
	// Example: 100.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxIncreasePercent int32 `json:"maxIncreasePercent,omitempty"`

	// maxDecreasePercent is the most by which one change lowers a request, 1 to
	// 100. Unset: no limit. Example: 20.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxDecreasePercent int32 `json:"maxDecreasePercent,omitempty"`
}

// Runtime is the language runtime of a container's main process.
//
// +kubebuilder:validation:Enum=Auto;JVM;Go;NodeJS;Python;Other
type Runtime string

// The runtimes.
const (
	// RuntimeAuto: recognized by its metrics, environment and arguments.
	RuntimeAuto Runtime = "Auto"
	// RuntimeJVM: a heap that is sized when the process starts.
	RuntimeJVM Runtime = "JVM"
	// RuntimeGo: a heap that grows up to GOMEMLIMIT.
	RuntimeGo Runtime = "Go"
	// RuntimeNodeJS: a heap that grows up to --max-old-space-size.
	RuntimeNodeJS Runtime = "NodeJS"
	// RuntimePython: memory that is seldom given back.
	RuntimePython Runtime = "Python"
	// RuntimeOther: none that manages memory by itself.
	RuntimeOther Runtime = "Other"
)

// ContainerPolicy bounds one container.
//
// +kubebuilder:validation:XValidation:rule="!has(self.sizes) || !has(self.memoryPerCPU)",message="sizes and memoryPerCPU exclude each other: a list of sizes has its own ratios"
// +kubebuilder:validation:XValidation:rule="!has(self.sizes) || ((!has(self.cpu) || !has(self.cpu.mode) || self.cpu.mode == 'Auto') && (!has(self.memory) || !has(self.memory.mode) || self.memory.mode == 'Auto'))",message="sizes need cpu and memory in mode Auto"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode == 'Auto' || !(has(self.cpu) || has(self.memory) || has(self.memoryPerCPU) || has(self.sizes) || has(self.startupBoost))",message="a container in mode Fixed is left as it is: leave its other fields out"
type ContainerPolicy struct {
	// name is the name of the container, or "*" for all that are not named.
	// Example: "app".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$`
	Name string `json:"name,omitempty"`

	// mode says whether the container is sized. Fixed opts it out: it keeps its
	// size and gets no recommendation. Unset: Auto. Example: "Fixed".
	//
	// +optional
	Mode SizingMode `json:"mode,omitempty"`

	// cpu bounds the container's CPU.
	//
	// +optional
	CPU CPUPolicy `json:"cpu,omitzero"`

	// memory bounds the container's memory.
	//
	// +optional
	Memory MemoryPolicy `json:"memory,omitzero"`

	// memoryPerCPU bounds the ratio of memory to CPU, as machine families have
	// one.
	//
	// +optional
	MemoryPerCPU MemoryPerCPU `json:"memoryPerCPU,omitzero"`

	// sizes are the only sizes that the container may have, at most 32. The
	// cheapest that is enough is taken, the one that lacks the least where none is.
	// Unset: any size. Example: [{cpu: 500m, memory: 1Gi}, {cpu: "1", memory: 2Gi}].
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Sizes []Size `json:"sizes,omitempty"`

	// startupBoost gives the container more CPU while it starts.
	//
	// +optional
	StartupBoost StartupBoost `json:"startupBoost,omitzero"`

	// runtime is the language runtime, whose memory follows rules of its own: a
	// JVM's heap is not made smaller than what it has committed, and the knobs
	// that go with a size (GOMEMLIMIT, -XX:MaxRAMPercentage) are advised.
	// Unset: Auto. Example: "JVM".
	//
	// +optional
	Runtime Runtime `json:"runtime,omitempty"`
}

// CPUPolicy bounds the CPU of a container.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.minAllowed) || !has(self.maxAllowed) || quantity(string(self.minAllowed)).compareTo(quantity(string(self.maxAllowed))) <= 0",message="minAllowed must not be greater than maxAllowed"
type CPUPolicy struct {
	// mode says whether the CPU is sized. Unset: Auto. Example: "Fixed".
	//
	// +optional
	Mode SizingMode `json:"mode,omitempty"`

	// minAllowed is the least CPU to request, in cores. Unset: the cluster-wide
	// setting, else 10m. Example: "100m".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	MinAllowed *resource.Quantity `json:"minAllowed,omitempty"`

	// maxAllowed is the most CPU to request, in cores; where more is needed there
	// are more pods instead. It is also lowered to what a node of the cluster
	// can hold, and to what LimitRanges and quotas allow.
	// Unset: the cluster-wide setting, else no bound. Example: "8".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	MaxAllowed *resource.Quantity `json:"maxAllowed,omitempty"`

	// step is what requests are multiples of, in cores: "1" for whole cores, as the
	// static CPU manager wants them. Unset: any amount. Example: "1".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Step *resource.Quantity `json:"step,omitempty"`

	// limit says how the CPU limit follows the request.
	// Unset: the cluster-wide setting, else type Ratio.
	//
	// +optional
	Limit LimitPolicy `json:"limit,omitzero"`

	// utilizationPercent is the share of its CPU request that the container may
	// use where there is no objective, 1 to 100: averages over minutes hide what
	// happens within them. Unset: the cluster-wide setting, else 90.
	// Example: 80.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	UtilizationPercent int32 `json:"utilizationPercent,omitempty"`
}

// MemoryPolicy bounds the memory of a container.
//
// +kubebuilder:validation:XValidation:rule="!has(self.limit) || !has(self.limit.throttledPercent)",message="throttledPercent is for CPU limits: memory is not throttled"
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.minAllowed) || !has(self.maxAllowed) || quantity(string(self.minAllowed)).compareTo(quantity(string(self.maxAllowed))) <= 0",message="minAllowed must not be greater than maxAllowed"
type MemoryPolicy struct {
	// mode says whether the memory is sized. Unset: Auto. Example: "Fixed".
	//
	// +optional
	Mode SizingMode `json:"mode,omitempty"`

	// minAllowed is the least memory to request, in bytes. Unset: the
	// cluster-wide setting, else 32Mi. Example: "128Mi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	MinAllowed *resource.Quantity `json:"minAllowed,omitempty"`

	// maxAllowed is the most memory to request, in bytes; it is also lowered to
	// what a node, LimitRanges and quotas allow.
	// Unset: the cluster-wide setting, else no bound. Example: "16Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	MaxAllowed *resource.Quantity `json:"maxAllowed,omitempty"`

	// step is what requests are multiples of, in bytes. Unset: any amount.
	// Example: "64Mi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Step *resource.Quantity `json:"step,omitempty"`

	// limit says how the memory limit follows the request.
	// Unset: the cluster-wide setting, else type Ratio. For memory Equal is the
	// safest: no container then uses what it did not ask for.
	//
	// +optional
	Limit LimitPolicy `json:"limit,omitzero"`

	// marginPercent is added to the memory that the container is expected to
	// reach, 1 to 1000. Unset: the cluster-wide setting, else it is learned from
	// how much daily peaks differ, 5 to 30. Example: 30.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MarginPercent int32 `json:"marginPercent,omitempty"`
}

// LimitType says how a limit follows its request.
//
// +kubebuilder:validation:Enum=None;Ratio;Equal;Headroom
type LimitType string

// The limit types.
const (
	// LimitNone: no limit is added. One that the template has cannot be taken away
	// from a running pod: it is raised far enough not to bind.
	LimitNone LimitType = "None"
	// LimitRatio: the ratio of limit to request stays what the template has, or
	// becomes ratioPercent. No limit stays no limit.
	LimitRatio LimitType = "Ratio"
	// LimitEqual: the limit is the request.
	LimitEqual LimitType = "Equal"
	// LimitHeadroom: the limit is the request and some more.
	LimitHeadroom LimitType = "Headroom"
)

// LimitPolicy says how a limit follows its request. A policy that would change
// the QoS class of the pods is not followed, and a reason says so.
//
// +kubebuilder:validation:XValidation:rule="!has(self.ratioPercent) || self.type == 'Ratio'",message="ratioPercent is only allowed with type Ratio"
// +kubebuilder:validation:XValidation:rule="(has(self.headroom) || has(self.headroomPercent) || has(self.throttledPercent)) == (self.type == 'Headroom')",message="type Headroom needs one of headroom, headroomPercent and throttledPercent, which no other type has"
type LimitPolicy struct {
	// type is None, Ratio, Equal or Headroom. Example: "Equal".
	//
	// +required
	Type LimitType `json:"type,omitempty"`

	// ratioPercent is the limit in percent of the request, 100 to 10000.
	// Unset: the ratio of the template. Example: 200.
	//
	// +optional
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=10000
	RatioPercent int32 `json:"ratioPercent,omitempty"`

	// headroom is how much more than the request the limit is, in cores or bytes.
	// Unset: none. Example: "256Mi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Headroom *resource.Quantity `json:"headroom,omitempty"`

	// headroomPercent is the same in percent of the request, 1 to 10000. Both add
	// up. Unset: none. Example: 50.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	HeadroomPercent int32 `json:"headroomPercent,omitempty"`

	// throttledPercent is in how many of its periods a CPU limit may throttle, 1
	// to 50 percent: as much head-room is added as that takes, where the demand
	// and the CPU it takes are known. Unset: not looked at. Example: 5.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	ThrottledPercent int32 `json:"throttledPercent,omitempty"`
}

// MemoryPerCPU bounds the memory requested for each core requested; what is
// too small for the ratio is raised, nothing is lowered.
//
// +kubebuilder:validation:AtLeastOneOf=min;max
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || quantity(string(self.min)).compareTo(quantity(string(self.max))) <= 0",message="min must not be greater than max"
type MemoryPerCPU struct {
	// min is the least memory for a core, in bytes. Unset: no bound.
	// Example: "2Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Min *resource.Quantity `json:"min,omitempty"`

	// max is the most memory for a core, in bytes. Unset: no bound.
	// Example: "8Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Max *resource.Quantity `json:"max,omitempty"`
}

// Size is a size that a container may have.
type Size struct {
	// cpu is the CPU to request, in cores. Example: "500m".
	//
	// +required
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory is the memory to request, in bytes. Example: "1Gi".
	//
	// +required
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Memory *resource.Quantity `json:"memory,omitempty"`
}

// StartupBoostMode says whether a container gets more CPU while it starts.
//
// +kubebuilder:validation:Enum=Auto;Off
type StartupBoostMode string

// The start-up boost modes.
const (
	// StartupBoostAuto: as much and as long as earlier starts of it needed.
	StartupBoostAuto StartupBoostMode = "Auto"
	// StartupBoostOff: none.
	StartupBoostOff StartupBoostMode = "Off"
)

// StartupBoost gives a container more CPU while it starts and takes it back in
// place once the pod is ready. Its usage at that time is left out of the sizing.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'Off' || !(has(self.maxCPU) || has(self.maxSeconds))",message="maxCPU and maxSeconds have no meaning with mode Off"
type StartupBoost struct {
	// mode is Auto or Off. Example: "Auto".
	//
	// +required
	Mode StartupBoostMode `json:"mode,omitempty"`

	// maxCPU bounds the CPU while starting, in cores. Unset: maxAllowed of cpu.
	// Example: "2".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	MaxCPU *resource.Quantity `json:"maxCPU,omitempty"`

	// maxSeconds bounds how long it lasts, 1 to 3600, ready or not. Unset: 600.
	// Example: 120.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	MaxSeconds int32 `json:"maxSeconds,omitempty"`
}
