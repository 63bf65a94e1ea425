package main

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscalingapply "k8s.io/client-go/applyconfigurations/autoscaling/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
)

var applyParts = []part{
	{"apply: owners and conflicts", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		of := func(data map[string]string) *coreapply.ConfigMapApplyConfiguration {
			return coreapply.ConfigMap("a", c.namespace).WithData(data)
		}
		if _, err := maps.Apply(ctx, of(map[string]string{"x": "1", "y": "1"}), metav1.ApplyOptions{FieldManager: "one"}); err != nil {
			return err
		}
		_, conflict := maps.Apply(ctx, of(map[string]string{"x": "2"}), metav1.ApplyOptions{FieldManager: "two"})
		if err := all(
			holds("it is a conflict", apierrors.IsConflict(conflict)),
			same("causes", len(conflict.(apierrors.APIStatus).Status().Details.Causes), 1),
		); err != nil {
			return err
		}
		cause := conflict.(apierrors.APIStatus).Status().Details.Causes[0]
		forced, err := maps.Apply(ctx, of(map[string]string{"x": "2"}), metav1.ApplyOptions{FieldManager: "two", Force: true})
		if err != nil {
			return err
		}
		// What `one` still says stays, what it says no more goes.
		left, err := maps.Apply(ctx, of(map[string]string{}), metav1.ApplyOptions{FieldManager: "one"})
		if err != nil {
			return err
		}
		extracted, err := coreapply.ExtractConfigMap(left, "two")
		if err != nil {
			return err
		}
		return all(
			same("cause", cause, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "one"`, Field: ".data.x"}),
			same("forced", forced.Data, map[string]string{"x": "2", "y": "1"}),
			same("left", left.Data, map[string]string{"x": "2"}),
			same("extracted", extracted.Data, map[string]string{"x": "2"}),
		)
	}},
	{"apply: a set, its status and its scale", func(ctx context.Context, c *cluster) error {
		sets := c.typed.AppsV1().StatefulSets(c.namespace)
		set := appsapply.StatefulSet("s", c.namespace).WithSpec(appsapply.StatefulSetSpec().
			WithServiceName("s").WithReplicas(0).
			WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"app": "s"})).
			WithTemplate(coreapply.PodTemplateSpec().WithLabels(map[string]string{"app": "s"}).WithSpec(coreapply.PodSpec().
				WithContainers(coreapply.Container().WithName("main").WithImage("demo").WithPorts(coreapply.ContainerPort().WithContainerPort(80))))))
		options := metav1.ApplyOptions{FieldManager: "applier"}
		made, err := sets.Apply(ctx, set, options)
		if err != nil {
			return err
		}
		again, err := sets.Apply(ctx, set, options)
		if err != nil {
			return err
		}
		_, conflict := sets.ApplyScale(ctx, "s", autoscalingapply.Scale().WithSpec(autoscalingapply.ScaleSpec().WithReplicas(1)), metav1.ApplyOptions{FieldManager: "scaler"})
		scaled, err := sets.ApplyScale(ctx, "s", autoscalingapply.Scale().WithSpec(autoscalingapply.ScaleSpec().WithReplicas(1)), metav1.ApplyOptions{FieldManager: "scaler", Force: true})
		if err != nil {
			return err
		}
		status := appsapply.StatefulSet("s", c.namespace).WithStatus(appsapply.StatefulSetStatus().WithConditions(
			appsapply.StatefulSetCondition().WithType("Test").WithStatus("True").WithReason("Said")))
		told, err := sets.ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: "teller", Force: true})
		if err != nil {
			return err
		}
		managers := map[string]string{}
		for _, entry := range told.ManagedFields {
			managers[entry.Manager] = entry.Subresource
		}
		said := ""
		for _, condition := range told.Status.Conditions {
			if condition.Type == "Test" {
				said = condition.Reason
			}
		}
		return all(
			same("the generation after a second apply", again.Generation, made.Generation),
			holds("the scale has an owner", apierrors.IsConflict(conflict)),
			same("replicas", scaled.Spec.Replicas, int32(1)),
			same("reason", said, "Said"),
			same("where teller wrote", managers["teller"], "status"),
			same("where scaler wrote", managers["scaler"], "scale"),
			same("where applier wrote", managers["applier"], ""),
		)
	}},
	{"apply: from the old way to the new", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		if _, err := maps.Create(ctx, configMap("up", map[string]string{"a": "1", "b": "1"}), metav1.CreateOptions{FieldManager: "old"}); err != nil {
			return err
		}
		current, err := maps.Get(ctx, "up", metav1.GetOptions{})
		if err != nil {
			return err
		}
		patch, err := csaupgrade.UpgradeManagedFieldsPatch(current, sets.New("old"), "new")
		if err != nil {
			return err
		}
		if _, err := maps.Patch(ctx, "up", types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
			return err
		}
		applied, err := maps.Apply(ctx, coreapply.ConfigMap("up", c.namespace).WithData(map[string]string{"a": "1"}), metav1.ApplyOptions{FieldManager: "new"})
		if err != nil {
			return err
		}
		return all(same("data", applied.Data, map[string]string{"a": "1"}), same("entries", len(applied.ManagedFields), 1))
	}},
}
