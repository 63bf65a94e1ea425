package main

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
)

// running makes a set and waits until all its pods are Ready.
func running(ctx context.Context, c *cluster, name string, replicas int32) error {
	sets := c.typed.AppsV1().StatefulSets(c.namespace)
	if _, err := sets.Create(ctx, statefulSet(name, replicas), metav1.CreateOptions{}); err != nil {
		return err
	}
	return ready(ctx, c, name, replicas)
}

func ready(ctx context.Context, c *cluster, name string, replicas int32) error {
	return eventually(ctx, fmt.Sprintf("%d pods of %s are ready", replicas, name), func() (bool, error) {
		set, err := c.typed.AppsV1().StatefulSets(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		done := set.Status.ObservedGeneration == set.Generation && set.Status.ReadyReplicas == replicas && set.Status.Replicas == replicas
		return done, fmt.Errorf("status %s", asText(set.Status))
	})
}

func scales(c *cluster) (scale.ScalesGetter, error) {
	cached := memory.NewMemCacheClient(c.discovery)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	return scale.NewForConfig(c.config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
}

var workloadParts = []part{
	{"workloads: a set becomes ready, is scaled three ways, and goes with its pods", func(ctx context.Context, c *cluster) error {
		if err := running(ctx, c, "w", 1); err != nil {
			return err
		}
		sets := c.typed.AppsV1().StatefulSets(c.namespace)
		current, err := sets.GetScale(ctx, "w", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := all(same("scale", current.Spec.Replicas, int32(1)), same("selector", current.Status.Selector, "app=w")); err != nil {
			return err
		}
		current.Spec.Replicas = 2
		if _, err := sets.UpdateScale(ctx, "w", current, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if err := ready(ctx, c, "w", 2); err != nil {
			return err
		}
		generic, err := scales(c)
		if err != nil {
			return err
		}
		of := schema.GroupResource{Group: "apps", Resource: "statefulsets"}
		if _, err := generic.Scales(c.namespace).Update(ctx, of, &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: "w", Namespace: c.namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 3},
		}, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if err := ready(ctx, c, "w", 3); err != nil {
			return err
		}
		if _, err := generic.Scales(c.namespace).Patch(ctx, of.WithVersion("v1"), "w", types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
		if err := ready(ctx, c, "w", 1); err != nil {
			return err
		}
		foreground := metav1.DeletePropagationForeground
		if err := sets.Delete(ctx, "w", metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
			return err
		}
		return eventually(ctx, "the set and its pods are gone", func() (bool, error) {
			pods, err := c.typed.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=w"})
			if err != nil {
				return false, err
			}
			_, err = sets.Get(ctx, "w", metav1.GetOptions{})
			return apierrors.IsNotFound(err) && len(pods.Items) == 0, nil
		})
	}},
	{"workloads: a budget holds up an eviction", func(ctx context.Context, c *cluster) error {
		if err := running(ctx, c, "b", 2); err != nil {
			return err
		}
		most := intstr.FromInt32(0)
		budget, err := c.typed.PolicyV1().PodDisruptionBudgets(c.namespace).Create(ctx, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "b"},
			Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &most, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "b"}}},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		pods := c.typed.CoreV1().Pods(c.namespace)
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "b-1", Namespace: c.namespace}}
		if err := eventually(ctx, "the budget is known", func() (bool, error) {
			now, err := c.typed.PolicyV1().PodDisruptionBudgets(c.namespace).Get(ctx, "b", metav1.GetOptions{})
			return err == nil && now.Status.ObservedGeneration == now.Generation && now.Status.CurrentHealthy == 2, err
		}); err != nil {
			return err
		}
		refused := pods.EvictV1(ctx, eviction)
		if err := all(
			holds(fmt.Sprintf("too many requests: %v", refused), apierrors.IsTooManyRequests(refused)),
			holds("a budget is the cause", apierrors.HasStatusCause(refused, policyv1.DisruptionBudgetCause)),
			contains("message", refused.Error(), "Cannot evict pod as it would violate the pod's disruption budget."),
		); err != nil {
			return err
		}
		before, err := pods.Get(ctx, "b-1", metav1.GetOptions{})
		if err != nil {
			return err
		}
		one := intstr.FromInt32(1)
		budget, err = c.typed.PolicyV1().PodDisruptionBudgets(c.namespace).Get(ctx, "b", metav1.GetOptions{})
		if err != nil {
			return err
		}
		budget.Spec.MaxUnavailable = &one
		if _, err := c.typed.PolicyV1().PodDisruptionBudgets(c.namespace).Update(ctx, budget, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if err := eventually(ctx, "it may be evicted", func() (bool, error) {
			err := pods.EvictV1(ctx, eviction)
			return err == nil, err
		}); err != nil {
			return err
		}
		return eventually(ctx, "another takes its place", func() (bool, error) {
			after, err := pods.Get(ctx, "b-1", metav1.GetOptions{})
			return err == nil && after.UID != before.UID, nil
		})
	}},
	{"workloads: a pod is bound by hand", func(ctx context.Context, c *cluster) error {
		nodes, err := c.typed.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		pods := c.typed.CoreV1().Pods(c.namespace)
		spec := statefulSet("x", 1).Spec.Template.Spec
		spec.SchedulerName = "by-hand"
		if _, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "hand"}, Spec: spec}, metav1.CreateOptions{}); err != nil {
			return err
		}
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "hand"}, Target: corev1.ObjectReference{Kind: "Node", Name: nodes.Items[0].Name}}
		if err := pods.Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
		twice := pods.Bind(ctx, binding, metav1.CreateOptions{})
		if err := holds("it is bound once", apierrors.IsConflict(twice)); err != nil {
			return err
		}
		return eventually(ctx, "it runs", func() (bool, error) {
			pod, err := pods.Get(ctx, "hand", metav1.GetOptions{})
			return err == nil && pod.Status.Phase == corev1.PodRunning, err
		})
	}},
}
