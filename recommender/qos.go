package recommender

import "fmt"

// QoSClass is the quality-of-service class that Kubernetes derives from the
// requests and limits of a pod.
type QoSClass string

// The classes.
const (
	QoSGuaranteed QoSClass = "Guaranteed"
	QoSBurstable  QoSClass = "Burstable"
	QoSBestEffort QoSClass = "BestEffort"
)

// qosOf is the class of a pod: Guaranteed where every container's requests and
// limits of both resources are set and equal, BestEffort where none is set at
// all. A limit without a request counts as both.
func (d *draft) qosOf(requests, limits []Resources) QoSClass {
	guaranteed, none := true, true
	one := func(request, limit amounts) {
		for r := range request {
			if request[r] == 0 {
				request[r] = limit[r]
			}
			guaranteed = guaranteed && limit[r] > 0 && request[r] == limit[r]
			none = none && request[r] == 0 && limit[r] == 0
		}
	}
	for i := range requests {
		one(requests[i].amounts(), limits[i].amounts())
	}
	for _, c := range d.s.InitContainers {
		one(c.Requests.amounts(), c.Limits.amounts())
	}
	switch {
	case none:
		return QoSBestEffort
	case guaranteed:
		return QoSGuaranteed
	default:
		return QoSBurstable
	}
}

// keepQoS sets limits so that the pod keeps its class. Guaranteed needs every
// limit at its request. Burstable needs one that is not: a thousandth of a core
// more is the least. A BestEffort pod cannot keep its class with any request,
// so its running pods cannot be resized and new ones are Burstable.
func (d *draft) keepQoS(limits []Resources) {
	var is, had []Resources
	resized := false
	for i, c := range d.s.Containers {
		is, had = append(is, c.Requests), append(had, c.Limits)
		resized = resized || d.chosen.sizes[i] != c.Requests
	}
	if !resized {
		return
	}
	class, becomes := d.qosOf(is, had), d.qosOf(d.chosen.sizes, limits)
	if class == QoSBestEffort {
		d.qosReason("", 0, "pods without any request are BestEffort and cannot be resized in place: new pods are "+string(becomes))
		return
	}
	if class == becomes {
		return
	}
	for i, c := range d.s.Containers {
		target := d.chosen.sizes[i]
		if target == c.Requests {
			continue
		}
		switch class {
		case QoSGuaranteed:
			if limits[i] != target {
				limits[i] = target
				d.qosReason(c.Name, target.CPU, "a Guaranteed pod stays one: limits are the requests")
			}
		case QoSBurstable, QoSBestEffort:
			limits[i].CPU++
			d.qosReason(c.Name, limits[i].CPU, fmt.Sprintf("a Burstable pod cannot become %s: the CPU limit is a thousandth of a core above the request",
				becomes))
			return
		}
	}
}

func (d *draft) qosReason(container string, cpu MilliCPU, message string) {
	d.add(Reason{
		Code: ReasonQoSKept, Container: container, Subject: "cpu limit", Unit: "cores", Before: cpu.Cores(), After: cpu.Cores(), Message: message,
	})
}
