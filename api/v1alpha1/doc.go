// Package v1alpha1 is the API of rightsize: the RightSize object, one for each
// workload, which says what the owner of the workload accepts and tells what
// rightsize found and did.
//
// The words:
//
//   - The target is the workload, anything that has pods: it is named, never
//     selected, and never changes.
//   - The mode says how much rightsize may do. It starts with DryRun, which
//     writes nothing but the status.
//   - The objective is what the users of the workload expect, the risk how
//     often the owner accepts that demand exceeds capacity.
//   - Horizontal is the number of pods, vertical the size of their containers.
//   - The recommendation is what new pods are born with (by a
//     MutatingAdmissionPolicy that reads it from the status) and what running
//     pods are resized to.
//
// A field that is left out takes its value from the cluster-wide settings, and
// where these are silent the default that its comment names. Only what has to
// be the same in every cluster has a default in the schema, so that settings
// can apply to what an object leaves open.
//
// Amounts that are not whole are quantities ("0.05", "250m"), times are whole
// seconds or milliseconds as the name says, shares are whole percent.
//
// +kubebuilder:object:generate=true
// +groupName=rightsize.dev
package v1alpha1
