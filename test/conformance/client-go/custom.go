package main

import (
	"context"
	"fmt"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

type fieldsOf = map[string]any

// definition is of a kind of its own for each namespace, so that parts do not meet.
func definition(group string) *unstructured.Unstructured {
	number := fieldsOf{"type": "integer", "minimum": int64(0), "default": int64(1)}
	return &unstructured.Unstructured{Object: fieldsOf{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   fieldsOf{"name": "databases." + group},
		"spec": fieldsOf{
			"group": group,
			"scope": "Namespaced",
			"names": fieldsOf{"plural": "databases", "singular": "database", "kind": "Database", "listKind": "DatabaseList"},
			"versions": []any{fieldsOf{
				"name": "v1", "served": true, "storage": true,
				"subresources": fieldsOf{
					"status": fieldsOf{},
					"scale":  fieldsOf{"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
				},
				"schema": fieldsOf{"openAPIV3Schema": fieldsOf{
					"type": "object",
					"properties": fieldsOf{
						"spec":   fieldsOf{"type": "object", "default": fieldsOf{}, "properties": fieldsOf{"replicas": number, "engine": fieldsOf{"type": "string"}}},
						"status": fieldsOf{"type": "object", "properties": fieldsOf{"replicas": fieldsOf{"type": "integer"}}},
					},
				}},
			}},
		},
	}}
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

var customParts = []part{
	{"custom kinds: defined, written, watched, applied, scaled, removed", func(ctx context.Context, c *cluster) error {
		group := c.namespace + ".example.com"
		if _, err := c.dynamic.Resource(definitions).Create(ctx, definition(group), metav1.CreateOptions{}); err != nil {
			return err
		}
		defer func() {
			_ = c.dynamic.Resource(definitions).Delete(context.Background(), "databases."+group, metav1.DeleteOptions{})
		}()
		if err := eventually(ctx, "the kind is established", func() (bool, error) {
			made, err := c.dynamic.Resource(definitions).Get(ctx, "databases."+group, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			conditions, _, _ := unstructured.NestedSlice(made.Object, "status", "conditions")
			return strings.Contains(asText(conditions), `"Established"`), nil
		}); err != nil {
			return err
		}
		kind := schema.GroupVersionResource{Group: group, Version: "v1", Resource: "databases"}
		databases := c.dynamic.Resource(kind).Namespace(c.namespace)
		watcher, err := databases.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		defer watcher.Stop()
		of := func(spec fieldsOf) *unstructured.Unstructured {
			return &unstructured.Unstructured{Object: fieldsOf{
				"apiVersion": group + "/v1", "kind": "Database", "metadata": fieldsOf{"name": "db"}, "spec": spec,
			}}
		}
		made, err := databases.Create(ctx, of(fieldsOf{"engine": "x"}), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		_, invalid := databases.Create(ctx, of(fieldsOf{"replicas": int64(-1)}), metav1.CreateOptions{})
		made.Object["status"] = fieldsOf{"replicas": int64(1)}
		told, err := databases.UpdateStatus(ctx, made, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		applied, err := databases.Apply(ctx, "db", of(fieldsOf{"replicas": int64(2)}), metav1.ApplyOptions{FieldManager: "applier", Force: true})
		if err != nil {
			return err
		}
		_, conflict := databases.Apply(ctx, "db", of(fieldsOf{"replicas": int64(3)}), metav1.ApplyOptions{FieldManager: "another"})
		generic, err := scales(c)
		if err != nil {
			return err
		}
		scaled, err := generic.Scales(c.namespace).Update(ctx, kind.GroupResource(), &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: c.namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 5},
		}, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		_, strategic := databases.Patch(ctx, "db", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{})
		if err := all(
			same("default", made.Object["spec"], fieldsOf{"engine": "x", "replicas": int64(1)}),
			holds("less than none is invalid", apierrors.IsInvalid(invalid)),
			same("status", told.Object["status"], fieldsOf{"replicas": int64(1)}),
			same("applied", applied.Object["spec"], fieldsOf{"engine": "x", "replicas": int64(2)}),
			holds("it has an owner", apierrors.IsConflict(conflict)),
			same("scaled", scaled.Spec.Replicas, int32(5)),
			holds("no strategic merge", apierrors.IsUnsupportedMediaType(strategic)),
			databases.Delete(ctx, "db", metav1.DeleteOptions{}),
		); err != nil {
			return err
		}
		var seen []watch.EventType
		for event := range watcher.ResultChan() {
			seen = append(seen, event.Type)
			if event.Type == watch.Deleted || event.Type == watch.Error {
				break
			}
		}
		if err := same("events", seen, []watch.EventType{watch.Added, watch.Modified, watch.Modified, watch.Modified, watch.Deleted}); err != nil {
			return err
		}
		if err := c.dynamic.Resource(definitions).Delete(ctx, "databases."+group, metav1.DeleteOptions{}); err != nil {
			return err
		}
		return eventually(ctx, "the kind is gone", func() (bool, error) {
			_, err := databases.List(ctx, metav1.ListOptions{})
			return apierrors.IsNotFound(err), fmt.Errorf("list: %v", err)
		})
	}},
}
