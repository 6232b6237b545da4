package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Accelerators say on which kinds of accelerator the workload can run. Nothing
// about an accelerator can change in a running pod: another profile means new
// pods.
type Accelerators struct {
	// profiles are the choices, at most 16.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Profiles []AcceleratorProfile `json:"profiles,omitempty"`

	// modelMemory is what the weights of the model take in an accelerator's memory,
	// in bytes. Unset: only profiles with no less memory than the one in use are
	// taken to hold it. Example: "16Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	ModelMemory *resource.Quantity `json:"modelMemory,omitempty"`

	// change says what is done when another profile is the better one: Recommend
	// tells it in the status; NewPods also gives it to pods that are made anyway;
	// Replace also replaces running pods, within their PodDisruptionBudgets and
	// spec.apply. Unset: Recommend. Example: "NewPods".
	//
	// +optional
	Change AcceleratorChange `json:"change,omitempty"`
}

// AcceleratorChange says what is done when another profile is the better one.
//
// +kubebuilder:validation:Enum=Recommend;NewPods;Replace
type AcceleratorChange string

// The ways to change profiles.
const (
	// AcceleratorRecommend: it is told in the status.
	AcceleratorRecommend AcceleratorChange = "Recommend"
	// AcceleratorNewPods: pods that are made anyway get it.
	AcceleratorNewPods AcceleratorChange = "NewPods"
	// AcceleratorReplace: running pods are replaced, too.
	AcceleratorReplace AcceleratorChange = "Replace"
)

// AcceleratorType says how a pod asks for an accelerator.
//
// +kubebuilder:validation:Enum=ExtendedResource;ResourceClaim
type AcceleratorType string

// The types of accelerators.
const (
	// AcceleratorExtendedResource: by an amount of a named resource.
	AcceleratorExtendedResource AcceleratorType = "ExtendedResource"
	// AcceleratorResourceClaim: by a claim of dynamic resource allocation.
	AcceleratorResourceClaim AcceleratorType = "ResourceClaim"
)

// AcceleratorProfile is one way to run a pod: whole devices, a slice, or a
// share.
//
// +kubebuilder:validation:XValidation:rule="has(self.extendedResource) == (self.type == 'ExtendedResource')",message="extendedResource is required with type ExtendedResource and not allowed with any other"
// +kubebuilder:validation:XValidation:rule="has(self.resourceClaim) == (self.type == 'ResourceClaim')",message="resourceClaim is required with type ResourceClaim and not allowed with any other"
type AcceleratorProfile struct {
	// name names the profile in recommendations and reasons.
	// Example: "mig-2g-20gb".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// type says which of extendedResource and resourceClaim is set.
	// Example: "ExtendedResource".
	//
	// +required
	Type AcceleratorType `json:"type,omitempty"`

	// extendedResource asks for an amount of a named resource.
	//
	// +optional
	ExtendedResource ExtendedResource `json:"extendedResource,omitzero"`

	// resourceClaim asks for what a ResourceClaimTemplate describes.
	//
	// +optional
	ResourceClaim ResourceClaim `json:"resourceClaim,omitzero"`

	// relativeThroughputPercent is how much a pod of this profile serves (of a
	// language model: writes), in percent of a pod of the profile with 100; 1 to
	// 100000. It is a prior, which what is measured on running pods replaces.
	// For MIG slices it goes with the share of the memory. Unset: 100. Example: 45.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	RelativeThroughputPercent int32 `json:"relativeThroughputPercent,omitempty"`

	// prefillThroughputPercent is the same for reading prompts, 1 to 100000. For
	// MIG slices it goes with the share of the compute units.
	// Unset: relativeThroughputPercent. Example: 40.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	PrefillThroughputPercent int32 `json:"prefillThroughputPercent,omitempty"`

	// memory is that of all the accelerators of a pod, in bytes. Unset: not known.
	// Example: "80Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Memory *resource.Quantity `json:"memory,omitempty"`

	// pricePerHour is what the accelerator of a pod costs an hour, in the currency
	// of the cluster-wide prices. Unset: their price of a GPU times the count.
	// Example: "1.25".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('0')) >= 0",message="a price cannot be negative"
	PricePerHour *resource.Quantity `json:"pricePerHour,omitempty"`

	// serving is how a pod of this profile serves a language model, as a prior
	// until what is measured replaces it. Unset: only what is measured counts.
	//
	// +optional
	Serving ServingProfile `json:"serving,omitzero"`
}

// ExtendedResource is an amount of a resource that device plugins, or a
// DeviceClass with an extended resource name, offer.
type ExtendedResource struct {
	// container is the container that asks for it. Example: "server".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Container string `json:"container,omitempty"`

	// name is the name of the resource. Example: "nvidia.com/mig-2g.20gb".
	//
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Name string `json:"name,omitempty"`

	// count is how many of it a pod has, 1 to 64. Example: 1.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Count int32 `json:"count,omitempty"`
}

// ResourceClaim points one of the pod's claims at a template. Templates are
// never edited: there is one for each size.
type ResourceClaim struct {
	// name is the name of the claim in the pod's resourceClaims. Example: "gpu".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// templateName is the ResourceClaimTemplate of this profile, in the same
	// namespace. Example: "mig-2g-20gb".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	TemplateName string `json:"templateName,omitempty"`
}

// ServingProfile is how a pod serves a language model by continuous batching.
type ServingProfile struct {
	// maxBatch is the most sequences served together, 1 to 100000.
	// Example: 64.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxBatch int32 `json:"maxBatch,omitempty"`

	// kvCacheTokens is how many tokens the cache holds, 1 to 1000000000.
	// Example: 400000.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	KVCacheTokens int32 `json:"kvCacheTokens,omitempty"`

	// prefillTokensPerSecond is how fast one prompt is read, 1 to 100000000.
	// Example: 8000.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	PrefillTokensPerSecond int32 `json:"prefillTokensPerSecond,omitempty"`

	// decodeTokensPerSecond is how many tokens are written a second by a full
	// batch together, 1 to 100000000. Example: 2500.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	DecodeTokensPerSecond int32 `json:"decodeTokensPerSecond,omitempty"`
}
