package v1alpha1

// Types of conditions.
const (
	// ConditionReady sums up the others: True where the target is resolved and
	// there is a recommendation. It does not follow whether a change is under way,
	// so that a pipeline which waits for it does not wait for a node to have room.
	ConditionReady = "Ready"
	// ConditionTargetResolved: the target exists, has pods that can be sized, and
	// nobody else sizes it.
	ConditionTargetResolved = "TargetResolved"
	// ConditionRecommendationAvailable: the data sufficed for a recommendation.
	ConditionRecommendationAvailable = "RecommendationAvailable"
	// ConditionApplied: the pods have the recommended size and number.
	ConditionApplied = "Applied"
	// ConditionReconciling is there, and True, while the spec has changed and the
	// status is not about it yet. By kstatus' convention.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is there, and True, while nothing will change until
	// somebody changes the spec or the cluster. By kstatus' convention.
	ConditionStalled = "Stalled"
)

// Reasons of conditions, which are reasons of events and metrics as well. Those
// of the recommendation itself are those of the decision.
const (
	// Of TargetResolved.

	// ReasonResolved: True.
	ReasonResolved = "Resolved"
	// ReasonTargetNotFound: there is no such object, or no such kind.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonTargetOwned: the target is made by another object, which is the one
	// to name.
	ReasonTargetOwned = "TargetOwned"
	// ReasonNoScale: replicas are to be chosen but the kind has no /scale.
	ReasonNoScale = "NoScaleSubresource"
	// ReasonConflict: another autoscaler or an older RightSize has the target.
	ReasonConflict = "ConflictingAutoscaler"
	// ReasonProtected: the namespace or the pods are opted out.
	ReasonProtected = "Protected"
	// ReasonUnknownSignal: a preset is not in the catalogue, or a query is wrong.
	ReasonUnknownSignal = "UnknownSignal"

	// ReasonInvalid: what the spec says cannot be, which the schema does not see:
	// it contradicts the settings, say. It is one of Stalled.
	ReasonInvalid = "InvalidSpec"

	// Of RecommendationAvailable.

	// ReasonRecommended: True.
	ReasonRecommended = "Recommended"
	// ReasonReading: the history has not been read yet.
	ReasonReading = "ReadingHistory"
	// ReasonNoData: there is too little history.
	ReasonNoData = "NoUsageHistory"
	// ReasonSourceUnavailable: the metrics cannot be read; what was recommended
	// stays.
	ReasonSourceUnavailable = "MetricsUnavailable"

	// Of Applied.

	// ReasonUpToDate: True.
	ReasonUpToDate = "UpToDate"
	// ReasonDryRun, ReasonInitial and ReasonPaused: the mode forbids it.
	ReasonDryRun  = "DryRun"
	ReasonInitial = "InitialOnly"
	ReasonPaused  = "Paused"
	// ReasonProgressing: pods are being changed.
	ReasonProgressing = "Progressing"
	// ReasonCanary: the first pods are being watched.
	ReasonCanary = "CanaryObserved"
	// ReasonDeferred: nodes have no room for the larger size yet.
	ReasonDeferred = "ResizeDeferred"
	// ReasonInfeasible: no node of these pods can ever hold it.
	ReasonInfeasible = "ResizeInfeasible"
	// ReasonQuotaExceeded: a ResourceQuota or LimitRange refuses it.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonQoSLocked: it would change the QoS class, which cannot change.
	ReasonQoSLocked = "QoSClass"
	// ReasonNotSupported: the cluster cannot resize pods in place.
	ReasonNotSupported = "ResizeNotSupported"
	// ReasonBudget: the budget of changes is used up for now.
	ReasonBudget = "ChangeBudget"
	// ReasonRefused: the API server refuses a change, as admission tells it to.
	ReasonRefused = "ChangeRefused"
	// ReasonMissingRights: rightsize may not make a change; the message names the
	// value of the chart that lets it.
	ReasonMissingRights = "MissingRights"
	// ReasonWindow: a window of the schedule forbids it now.
	ReasonWindow = "OutsideWindow"
	// ReasonRolledBack: the last change made things worse and was taken back.
	ReasonRolledBack = "RolledBack"
	// ReasonKillSwitch: the cluster-wide switch stops every change.
	ReasonKillSwitch = "KillSwitch"
)
