package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RightSize sizes one workload: how many pods it has and what each requests.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rsz,categories=autoscaling
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.targetRef.kind`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Replicas",type=integer,JSONPath=`.status.currentReplicas`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredReplicas`
// +kubebuilder:printcolumn:name="CPU",type=string,JSONPath=`.status.recommendation.containers[0].requests.cpu`,description="CPU recommended for the first container"
// +kubebuilder:printcolumn:name="Memory",type=string,JSONPath=`.status.recommendation.containers[0].requests.memory`,description="Memory recommended for the first container"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Applied",type=string,JSONPath=`.status.conditions[?(@.type=="Applied")].reason`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reasons[0].code`,priority=1
// +kubebuilder:printcolumn:name="Saves/month",type=integer,JSONPath=`.status.savings.perMonth`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.targetRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.targetRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.mode`
type RightSize struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard metadata of an object.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the owner of the workload accepts.
	//
	// +required
	Spec RightSizeSpec `json:"spec,omitzero"`

	// status is what rightsize found and did. Only rightsize writes it.
	//
	// +optional
	Status RightSizeStatus `json:"status,omitzero"`
}

// RightSizeList is a list of RightSizes.
//
// +kubebuilder:object:root=true
type RightSizeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []RightSize `json:"items"`
}

// Mode says how much rightsize may do.
//
// +kubebuilder:validation:Enum=DryRun;Initial;Apply;Paused
type Mode string

// The modes.
const (
	// ModeDryRun: recommends, and writes nothing but the status.
	ModeDryRun Mode = "DryRun"
	// ModeInitial: sizes new pods as they are made, and leaves running ones.
	ModeInitial Mode = "Initial"
	// ModeApply: sizes new pods, resizes running ones, and scales.
	ModeApply Mode = "Apply"
	// ModePaused: does nothing at all; the last recommendation stays readable.
	ModePaused Mode = "Paused"
)

// RightSizeSpec is what the owner of the workload accepts.
//
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || !has(self.scope.nodes) || self.targetRef.kind == 'DaemonSet'",message="scope.nodes is for DaemonSets: the pods of other workloads are alike"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || !has(self.scope.ordinals) || self.targetRef.kind == 'StatefulSet'",message="scope.ordinals is for StatefulSets: the pods of other workloads have no ordinals"
// +kubebuilder:validation:XValidation:rule="!has(self.scope) || !has(self.scope.ordinals) || (has(self.horizontal) && self.horizontal.mode == 'Fixed')",message="scope.ordinals needs horizontal.mode Fixed: only the whole StatefulSet can be scaled"
// +kubebuilder:validation:XValidation:rule="!has(self.horizontal) || self.horizontal.mode == 'Fixed' || !(self.targetRef.kind in ['DaemonSet', 'Job', 'CronJob'])",message="the pods of a DaemonSet, Job or CronJob are not counted here: leave horizontal out"
// +kubebuilder:validation:XValidation:rule="!has(self.horizontal) || !has(self.horizontal.minReplicas) || self.horizontal.minReplicas > 0 || (has(self.demand) && has(self.demand.signals) && self.demand.signals.exists(s, s.type == 'PromQL' && (s.promQL.role == 'Demand' || s.promQL.role == 'Backlog')))",message="horizontal.minReplicas: 0 needs a signal of type PromQL and role Demand or Backlog: presets are read from pods, and none are left at 0"
// +kubebuilder:validation:XValidation:rule="!has(self.schedule) || !has(self.schedule.floors) || !has(self.horizontal) || !has(self.horizontal.maxReplicas) || self.schedule.floors.all(f, !has(f.minReplicas) || f.minReplicas <= self.horizontal.maxReplicas)",message="minReplicas of a scheduled floor must not be greater than horizontal.maxReplicas"
// +kubebuilder:validation:XValidation:rule="self.mode != 'Apply' || !(has(self.horizontal) && self.horizontal.mode == 'Fixed' && has(self.vertical) && self.vertical.mode == 'Fixed')",message="with horizontal and vertical both Fixed there is nothing to apply"
// +kubebuilder:validation:XValidation:rule="!has(self.objective) || self.objective.type != 'Inference' || !(self.targetRef.kind in ['DaemonSet', 'Job', 'CronJob'])",message="an Inference objective needs a target that can be scaled"
type RightSizeSpec struct {
	// targetRef names the workload. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="targetRef cannot be changed: create another RightSize for another workload"
	TargetRef TargetRef `json:"targetRef,omitzero"`

	// scope narrows the RightSize to some of the target's pods.
	// Unset: all of them.
	//
	// +optional
	Scope Scope `json:"scope,omitzero"`

	// mode says how much rightsize may do: DryRun recommends and writes nothing
	// but the status, Initial also sizes new pods as they are made, Apply also
	// resizes running pods and scales, Paused does nothing at all.
	// Default: DryRun. Example: "Apply".
	//
	// +optional
	// +kubebuilder:default=DryRun
	Mode Mode `json:"mode,omitempty"`

	// objective is what the users of the workload expect.
	// Unset: the cluster-wide setting, else type None.
	//
	// +optional
	Objective Objective `json:"objective,omitzero"`

	// riskPercent is how often the owner accepts that demand exceeds capacity
	// within the time it takes to react, 1 to 50 percent. It is the one knob
	// between cost and safety: less is safer and dearer. Forecasts are measured up
	// to their 99 % quantile, so that less than 1 would be a guess.
	// Unset: the cluster-wide setting, else 5. Example: 2.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	RiskPercent int32 `json:"riskPercent,omitempty"`

	// demand says where the work that arrives at the workload can be read.
	// Unset: the first demand signal of the catalogue that the pods themselves
	// export, and where they export none, their usage.
	//
	// +optional
	Demand Demand `json:"demand,omitzero"`

	// horizontal bounds the number of pods.
	//
	// +optional
	Horizontal Horizontal `json:"horizontal,omitzero"`

	// vertical bounds the size of the pods.
	//
	// +optional
	Vertical Vertical `json:"vertical,omitzero"`

	// accelerators say on which kinds of accelerator the workload can run.
	// Unset: on that of its template.
	//
	// +optional
	Accelerators Accelerators `json:"accelerators,omitzero"`

	// schedule is what the owner knows about the calendar.
	//
	// +optional
	Schedule Schedule `json:"schedule,omitzero"`

	// apply says how changes are put into force.
	//
	// +optional
	Apply Apply `json:"apply,omitzero"`
}
