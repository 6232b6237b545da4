package controlplane

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed others.yaml
var others []byte

// InstallOthers makes the kinds of VerticalPodAutoscalers, ScaledObjects and
// NodePools, of which nothing here has a controller.
func (c *ControlPlane) InstallOthers() {
	c.t.Helper()
	c.InstallCRDs(others)
}

// InstallCRDs creates the CustomResourceDefinitions of a YAML file with one or
// several documents, and waits until their resources are served.
func (c *ControlPlane) InstallCRDs(file []byte) {
	c.t.Helper()
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	ctx := c.t.Context()
	client := c.Client.Discovery().RESTClient()
	var names []string
	for document := range bytes.SplitSeq(append([]byte("\n"), file...), []byte("\n---")) {
		body, err := yaml.YAMLToJSON(document)
		c.must(err)
		var head struct{ Metadata struct{ Name string } }
		c.must(json.Unmarshal(body, &head))
		if head.Metadata.Name == "" {
			continue // Comments only.
		}
		c.must(client.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error())
		names = append(names, head.Metadata.Name)
	}
	for _, name := range names {
		for end := time.Now().Add(readyTimeout); !c.established(path + "/" + name); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				c.t.Fatalf("CustomResourceDefinition %s is not established after %v", name, readyTimeout)
			}
		}
	}
}

func (c *ControlPlane) established(path string) bool {
	c.t.Helper()
	body, err := c.Client.Discovery().RESTClient().Get().AbsPath(path).Do(c.t.Context()).Raw()
	c.must(err)
	var crd struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	c.must(json.Unmarshal(body, &crd))
	for _, condition := range crd.Status.Conditions {
		if condition.Type == "Established" && condition.Status == "True" {
			return true
		}
	}
	return false
}
