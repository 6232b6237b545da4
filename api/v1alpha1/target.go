package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TargetRef names a workload in the namespace of the RightSize.
//
// +kubebuilder:validation:XValidation:rule="self.kind != 'Pod'",message="a Pod cannot be the target: name the controller that makes it, such as its Deployment"
// +kubebuilder:validation:XValidation:rule="self.kind != 'RightSize'",message="a RightSize cannot be the target of another"
type TargetRef struct {
	// apiVersion is the group and version of the target's kind. Any version that
	// the cluster serves will do; it is the group that counts.
	// Example: "apps/v1".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?v[0-9]+((alpha|beta)[0-9]+)?$`
	APIVersion string `json:"apiVersion,omitempty"`

	// kind is the kind of the target. Replicas are chosen for every kind that has
	// the subresource /scale (Deployment, StatefulSet, Argo Rollout,
	// LeaderWorkerSet, …); DaemonSets, Jobs and CronJobs have none and are sized
	// only vertically. Example: "Deployment".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
	Kind string `json:"kind,omitempty"`

	// name is the name of the target. Example: "checkout".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`
}

// Scope narrows a RightSize to some of its target's pods, so that several can
// share one target where its pods differ by nature. The scopes of RightSizes of
// one target must not overlap: the older one wins, the other gets
// TargetResolved=False.
//
// +kubebuilder:validation:ExactlyOneOf=nodes;ordinals
type Scope struct {
	// nodes selects the pods on nodes with these labels: for DaemonSets, whose
	// pods need more on larger nodes. New pods start at the size of their
	// template and are resized once they run, since their node is not known when
	// they are made.
	// Example: {matchLabels: {node.kubernetes.io/instance-type: m7i.8xlarge}}.
	//
	// +optional
	Nodes *metav1.LabelSelector `json:"nodes,omitempty"`

	// ordinals selects pods of a StatefulSet by their number: for sets in which,
	// say, pod 0 leads and works more. Example: {first: 0, last: 0}.
	//
	// +optional
	Ordinals OrdinalRange `json:"ordinals,omitzero"`
}

// OrdinalRange is a range of ordinals of a StatefulSet, both ends included.
//
// +kubebuilder:validation:XValidation:rule="!has(self.last) || self.first <= self.last",message="first must not be greater than last"
type OrdinalRange struct {
	// first is the lowest ordinal, 0 to 1000000. Example: 0.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	First *int32 `json:"first,omitempty"`

	// last is the highest ordinal, 0 to 1000000. Unset: all from first on.
	// Example: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Last *int32 `json:"last,omitempty"`
}
