package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Schedule is what the owner knows about the calendar.
//
// +kubebuilder:validation:MinProperties=1
type Schedule struct {
	// timeZone is the time zone of every cron expression here, by its name in the
	// tz database. Unset: "Etc/UTC". Example: "Europe/Berlin".
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`
	// +kubebuilder:validation:XValidation:rule="self != 'Local'",message="Local is no time zone: name one, such as Europe/Berlin"
	TimeZone string `json:"timeZone,omitempty"`

	// floors are sizes that are not gone below at certain times, at most 16. They
	// come before the forecast and are reached before they begin, by the time that
	// pods take to start. Of several that hold at once the largest counts.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Floors []ScheduledFloor `json:"floors,omitempty"`

	// windows are times at which changes may or may not be made, at most 16.
	// Whatever they say, a recommendation is made, pods that are made anyway are
	// sized, and what runs out of memory is raised.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Windows []Window `json:"windows,omitempty"`
}

// ScheduledFloor is a size that is not gone below at certain times.
//
// +kubebuilder:validation:AtLeastOneOf=minReplicas;containers
type ScheduledFloor struct {
	// name names the floor in reasons. Example: "monday-sale".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// cron is when it begins: five fields for minute, hour, day (of the
	// month), month and weekday.
	// Example: "0 8 * * MON-FRI".
	//
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,?-]+ [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,?-]+$`
	Cron string `json:"cron,omitempty"`

	// durationSeconds is how long it lasts, 60 to 2678400 (31 days).
	// Example: 36000.
	//
	// +required
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2678400
	DurationSeconds int32 `json:"durationSeconds,omitempty"`

	// minReplicas is the lowest number of pods meanwhile, 1 to 100000.
	// Unset: no floor. Example: 12.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MinReplicas int32 `json:"minReplicas,omitempty"`

	// containers are the lowest requests meanwhile, by container, at most 16.
	// Unset: no floor.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Containers []ContainerFloor `json:"containers,omitempty"`
}

// ContainerFloor is the least that a container requests.
//
// +kubebuilder:validation:AtLeastOneOf=cpu;memory
type ContainerFloor struct {
	// name is the name of the container, or "*" for all that are not named.
	// Example: "app".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$`
	Name string `json:"name,omitempty"`

	// cpu is the least CPU to request, in cores. Unset: no floor.
	// Example: "500m".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory is the least memory to request, in bytes. Unset: no floor.
	// Example: "1Gi".
	//
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="must be more than 0"
	Memory *resource.Quantity `json:"memory,omitempty"`
}

// WindowType says what a window means.
//
// +kubebuilder:validation:Enum=Maintenance;Freeze
type WindowType string

// The types of windows.
const (
	// WindowMaintenance: where there is one, changes that restart or evict pods,
	// or make them smaller, are only made inside of one.
	WindowMaintenance WindowType = "Maintenance"
	// WindowFreeze: inside of it sizes stay, and the number of pods only grows.
	WindowFreeze WindowType = "Freeze"
)

// Window is a time at which changes may or may not be made.
type Window struct {
	// name names the window in reasons. Example: "sunday-night".
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// type is Maintenance (changes that restart, evict or shrink are made only
	// inside of these) or Freeze (inside of it sizes stay and the number of pods
	// only grows). Example: "Maintenance".
	//
	// +required
	Type WindowType `json:"type,omitempty"`

	// cron is when it opens: five fields for minute, hour, day (of the
	// month), month and weekday.
	// Example: "0 2 * * SUN".
	//
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,?-]+ [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,?-]+$`
	Cron string `json:"cron,omitempty"`

	// durationSeconds is how long it stays open, 60 to 2678400 (31 days).
	// Example: 14400.
	//
	// +required
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2678400
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
}
