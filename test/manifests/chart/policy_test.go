package chart_test

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi/openapitest"
	"sigs.k8s.io/yaml"
)

// policyContext is the API server's own admission plugin for
// MutatingAdmissionPolicies, with one policy and its binding.
type policyContext = generic.PolicyTestContext[
	*admissionv1.MutatingAdmissionPolicy, *admissionv1.MutatingAdmissionPolicyBinding, mutating.PolicyEvaluator,
]

// newPolicyContext starts the plugin with the policy that the chart renders.
func newPolicyContext(t testing.TB, values string) *policyContext {
	t.Helper()
	var policy admissionv1.MutatingAdmissionPolicy
	var binding admissionv1.MutatingAdmissionPolicyBinding
	for _, d := range render(t, values, kubernetes137) {
		switch d.Kind {
		case "MutatingAdmissionPolicy":
			decode(t, d.raw, &policy)
		case "MutatingAdmissionPolicyBinding":
			decode(t, d.raw, &binding)
		}
	}
	c, cancel, err := generic.NewPolicyTestContext(
		t, mutating.NewMutatingAdmissionPolicyAccessor, mutating.NewMutatingAdmissionPolicyBindingAccessor,
		func(p *admissionv1.MutatingAdmissionPolicy) mutating.PolicyEvaluator { return compile(t, p) },
		func(a authorizer.UnconditionalAuthorizer, m *matching.Matcher, _ kubernetes.Interface) generic.Dispatcher[mutating.PolicyHook] {
			return mutating.NewDispatcher(a, m, patch.NewTypeConverterManager(applyconfigurations.NewTypeConverter(scheme.Scheme), openapitest.NewEmbeddedFileClient()))
		},
		nil,
		[]meta.RESTMapping{
			mapping("rightsize.dev", "v1alpha1", "RightSize", "rightsizes", meta.RESTScopeNamespace),
			mapping("", "v1", "Pod", "pods", meta.RESTScopeNamespace),
			mapping("", "v1", "Namespace", "namespaces", meta.RESTScopeRoot),
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	// An expression that fails is an error here, not a pod that passes unsized.
	fail := admissionv1.Fail
	policy.Spec.FailurePolicy = &fail
	// The plugin under test knows both by kinds of its own.
	policy.TypeMeta, binding.TypeMeta = metav1.TypeMeta{}, metav1.TypeMeta{}
	// The API server fills this in.
	equivalent := admissionv1.Equivalent
	policy.Spec.MatchConstraints.MatchPolicy = &equivalent
	if err := c.UpdateAndWait(&policy, &binding); err != nil {
		t.Fatal(err)
	}
	return c
}

func mapping(group, version, kind, resource string, scope meta.RESTScope) meta.RESTMapping {
	return meta.RESTMapping{
		Resource:         schema.GroupVersionResource{Group: group, Version: version, Resource: resource},
		GroupVersionKind: schema.GroupVersionKind{Group: group, Version: version, Kind: kind},
		Scope:            scope,
	}
}

func decode(t testing.TB, raw []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(raw, into, yaml.DisallowUnknownFields); err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
}

// compile turns a policy into what the dispatcher runs, as the plugin does, but
// that an expression which does not compile fails the test.
func compile(t testing.TB, policy *admissionv1.MutatingAdmissionPolicy) mutating.PolicyEvaluator {
	t.Helper()
	options := plugincel.OptionalVariableDeclarations{HasParams: true, HasAuthorizer: true}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range policy.Spec.Variables {
		result := compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression}, options, environment.NewExpressions)
		if result.Error != nil {
			t.Errorf("variable %s: %v", v.Name, result.Error)
		}
	}
	conditions := make([]plugincel.ExpressionAccessor, len(policy.Spec.MatchConditions))
	for i := range policy.Spec.MatchConditions {
		conditions[i] = (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i])
	}
	condition := compiler.CompileCondition(conditions, options, environment.NewExpressions)
	for _, err := range condition.CompilationErrors() {
		t.Errorf("condition: %v", err)
	}
	matcher := matchconditions.NewMatcher(condition, policy.Spec.FailurePolicy, "policy", "mutate", policy.Name)
	options.HasPatchTypes = true
	evaluator := compiler.CompileMutatingEvaluator(
		&patch.ApplyConfigurationCondition{Expression: policy.Spec.Mutations[0].ApplyConfiguration.Expression}, options, environment.NewExpressions)
	for _, err := range evaluator.CompilationErrors() {
		t.Errorf("mutation: %v", err)
	}
	return mutating.PolicyEvaluator{
		Matcher: matcher, Mutators: []patch.Patcher{patch.NewApplyConfigurationPatcher(evaluator)}, CompositedCompiler: compiler,
	}
}

// create sends a pod through the plugin, into a namespace with these
// RightSizes, and returns it as it comes out.
func create(t testing.TB, c *policyContext, namespace string, rightsizes []map[string]any, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"kubernetes.io/metadata.name": namespace}}}
	if err := c.Update(ns); err != nil {
		t.Fatal(err)
	}
	for _, r := range rightsizes {
		u := &unstructured.Unstructured{Object: r}
		u.SetAPIVersion("rightsize.dev/v1alpha1")
		u.SetKind("RightSize")
		u.SetNamespace(namespace)
		if u.GetName() == "" {
			u.SetName("web")
		}
		if err := c.UpdateAndWait(u); err != nil {
			t.Fatal(err)
		}
	}
	pod.Namespace = namespace
	pod.APIVersion, pod.Kind = "v1", "Pod"
	attributes := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), namespace, pod.Name,
		corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
	if err := c.Plugin.Dispatch(c, attributes, admission.NewObjectInterfacesFromScheme(scheme.Scheme)); err != nil {
		t.Fatal(err)
	}
	return pod
}
