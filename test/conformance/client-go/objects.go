package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func namespaceObject() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "client-go-"}}
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"made": "by-test"}}, Data: data}
}

func statefulSet(name string, replicas int32) *appsv1.StatefulSet {
	labels := map[string]string{"app": name}
	grace := int64(0)
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas:    &replicas,
			ServiceName: name,
			Selector:    &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					Containers:                    []corev1.Container{{Name: "main", Image: "demo", Command: []string{"sleep", "1000"}}},
				},
			},
		},
	}
}

var objectParts = []part{
	{"objects: create, get, list, update, delete", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		made, err := maps.Create(ctx, configMap("a", map[string]string{"k": "1"}), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		_, twice := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{})
		_, none := maps.Get(ctx, "none", metav1.GetOptions{})
		changed := made.DeepCopy()
		changed.Data["k"] = "2"
		changed.BinaryData = map[string][]byte{"b": {0, 255, 128}}
		updated, err := maps.Update(ctx, changed, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		_, stale := maps.Update(ctx, made, metav1.UpdateOptions{})
		list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=by-test"})
		if err != nil {
			return err
		}
		wrong := types.UID("other")
		precondition := maps.Delete(ctx, "a", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
		if err := all(
			holds("a second one already exists", apierrors.IsAlreadyExists(twice)),
			holds("one that is not there is not found", apierrors.IsNotFound(none)),
			holds("a stale one is a conflict", apierrors.IsConflict(stale)),
			holds("another uid is a conflict", apierrors.IsConflict(precondition)),
			same("data", updated.Data, map[string]string{"k": "2"}),
			same("binary data", updated.BinaryData["b"], []byte{0, 255, 128}),
			same("list", len(list.Items), 1),
			holds("the list has a version", list.ResourceVersion != ""),
			maps.Delete(ctx, "a", metav1.DeleteOptions{}),
		); err != nil {
			return err
		}
		_, err = maps.Get(ctx, "a", metav1.GetOptions{})
		return holds("it is gone", apierrors.IsNotFound(err))
	}},
	{"objects: the same as protobuf and as JSON", bothEncodings},
	{"objects: what is not valid says why", func(ctx context.Context, c *cluster) error {
		set := statefulSet("bad", -1)
		set.Spec.Template.Labels = map[string]string{"app": "another"}
		_, err := c.typed.AppsV1().StatefulSets(c.namespace).Create(ctx, set, metav1.CreateOptions{})
		if err := holds("it is invalid", apierrors.IsInvalid(err)); err != nil {
			return err
		}
		fields := map[string]metav1.CauseType{}
		for _, cause := range err.(apierrors.APIStatus).Status().Details.Causes {
			fields[cause.Field] = cause.Type
		}
		return same("causes", fields, map[string]metav1.CauseType{
			"spec.replicas":                 metav1.CauseTypeFieldValueInvalid,
			"spec.template.metadata.labels": metav1.CauseTypeFieldValueInvalid,
		})
	}},
	{"objects: three kinds of patch", func(ctx context.Context, c *cluster) error {
		sets := c.typed.AppsV1().StatefulSets(c.namespace)
		if _, err := sets.Create(ctx, statefulSet("p", 0), metav1.CreateOptions{}); err != nil {
			return err
		}
		strategic := `{"spec":{"template":{"spec":{"containers":[{"name":"second","image":"other"}]}}}}`
		set, err := sets.Patch(ctx, "p", types.StrategicMergePatchType, []byte(strategic), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		if err := same("containers", len(set.Spec.Template.Spec.Containers), 2); err != nil {
			return err
		}
		set, err = sets.Patch(ctx, "p", types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"b"}}}`), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		if err := same("annotations", set.Annotations, map[string]string{"a": "b"}); err != nil {
			return err
		}
		test := `[{"op":"test","path":"/metadata/annotations/a","value":"c"}]`
		_, err = sets.Patch(ctx, "p", types.JSONPatchType, []byte(test), metav1.PatchOptions{})
		if err := holds("a test that fails is invalid", apierrors.IsInvalid(err)); err != nil {
			return err
		}
		set, err = sets.Patch(ctx, "p", types.JSONPatchType, []byte(`[{"op":"remove","path":"/metadata/annotations/a"}]`), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		return same("annotations", len(set.Annotations), 0)
	}},
	{"objects: eight writers that retry on conflict", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		if _, err := maps.Create(ctx, configMap("shared", map[string]string{}), metav1.CreateOptions{}); err != nil {
			return err
		}
		backoff := retry.DefaultBackoff
		backoff.Steps = 200
		backoff.Factor = 1
		failures := make(chan error, 8)
		var writers sync.WaitGroup
		for writer := range 8 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				for turn := range 5 {
					failures <- retry.RetryOnConflict(backoff, func() error {
						current, err := maps.Get(ctx, "shared", metav1.GetOptions{})
						if err != nil {
							return err
						}
						if current.Data == nil {
							current.Data = map[string]string{}
						}
						current.Data[fmt.Sprintf("%d-%d", writer, turn)] = "x"
						_, err = maps.Update(ctx, current, metav1.UpdateOptions{})
						return err
					})
				}
			}()
		}
		go func() { writers.Wait(); close(failures) }()
		var failed error
		for err := range failures {
			if err != nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
		final, err := maps.Get(ctx, "shared", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return same("entries", len(final.Data), 40)
	}},
	{"objects: in pages, and all deleted at once", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		for index := range 25 {
			if _, err := maps.Create(ctx, configMap(fmt.Sprintf("m-%02d", index), nil), metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return maps.List(ctx, options)
		})
		pages.PageSize = 4
		var names []string
		err := pages.EachListItem(ctx, metav1.ListOptions{LabelSelector: "made=by-test"}, func(object runtime.Object) error {
			names = append(names, object.(*corev1.ConfigMap).Name)
			return nil
		})
		if err != nil {
			return err
		}
		first, err := maps.List(ctx, metav1.ListOptions{Limit: 10, LabelSelector: "made=by-test"})
		if err != nil {
			return err
		}
		if err := all(
			same("names", len(names), 25),
			same("the last", names[24], "m-24"),
			same("a page", len(first.Items), 10),
			holds("there is more", first.Continue != ""),
			maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "made=by-test"}),
		); err != nil {
			return err
		}
		left, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=by-test"})
		if err != nil {
			return err
		}
		return same("left", len(left.Items), 0)
	}},
	{"objects: a dry run, and warnings", func(ctx context.Context, c *cluster) error {
		warnings := &warningRecorder{}
		config := rest.CopyConfig(c.config)
		config.WarningHandler = warnings
		typed, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		maps := typed.CoreV1().ConfigMaps(c.namespace)
		dry, err := maps.Create(ctx, configMap("dry", nil), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		_, none := maps.Get(ctx, "dry", metav1.GetOptions{})
		unknown := []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w"},"datta":{}}`)
		err = typed.CoreV1().RESTClient().Post().Namespace(c.namespace).Resource("configmaps").Param("fieldValidation", "Warn").
			SetHeader("Content-Type", "application/json").Body(unknown).Do(ctx).Error()
		if err != nil {
			return err
		}
		strict := typed.CoreV1().RESTClient().Post().Namespace(c.namespace).Resource("configmaps").Param("fieldValidation", "Strict").
			SetHeader("Content-Type", "application/json").Body(unknown).Do(ctx).Error()
		return all(
			holds("the dry run has a uid", dry.UID != ""),
			holds("nothing was stored", apierrors.IsNotFound(none)),
			same("warnings", warnings.texts, []string{`unknown field "datta"`}),
			holds("strict is refused", apierrors.IsBadRequest(strict)),
		)
	}},
	{"objects: metadata alone", func(ctx context.Context, c *cluster) error {
		maps := c.metadata.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(c.namespace)
		if _, err := c.typed.CoreV1().ConfigMaps(c.namespace).Create(ctx, configMap("m", map[string]string{"a": "b"}), metav1.CreateOptions{}); err != nil {
			return err
		}
		one, err := maps.Get(ctx, "m", metav1.GetOptions{})
		if err != nil {
			return err
		}
		list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "made=by-test"})
		if err != nil {
			return err
		}
		patched, err := maps.Patch(ctx, "m", types.MergePatchType, []byte(`{"metadata":{"finalizers":["test/held"]}}`), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		if err := all(
			same("labels", one.Labels, map[string]string{"made": "by-test"}),
			same("list", len(list.Items), 1),
			same("finalizers", patched.Finalizers, []string{"test/held"}),
			maps.Delete(ctx, "m", metav1.DeleteOptions{}),
		); err != nil {
			return err
		}
		held, err := maps.Get(ctx, "m", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := holds("it is being deleted", held.DeletionTimestamp != nil); err != nil {
			return err
		}
		_, err = maps.Patch(ctx, "m", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil {
			return err
		}
		_, err = maps.Get(ctx, "m", metav1.GetOptions{})
		return holds("it is gone", apierrors.IsNotFound(err))
	}},
	{"objects: a table", func(ctx context.Context, c *cluster) error {
		if _, err := c.typed.AppsV1().StatefulSets(c.namespace).Create(ctx, statefulSet("t", 0), metav1.CreateOptions{}); err != nil {
			return err
		}
		table := &metav1.Table{}
		body, err := c.typed.AppsV1().RESTClient().Get().Namespace(c.namespace).Resource("statefulsets").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, table); err != nil {
			return err
		}
		var columns []string
		for _, column := range table.ColumnDefinitions {
			columns = append(columns, column.Name)
		}
		return all(
			same("columns", columns, []string{"Name", "Ready", "Age", "Containers", "Images"}),
			same("rows", len(table.Rows), 1),
			same("first cells", table.Rows[0].Cells[:2], []any{"t", "0/0"}),
		)
	}},
	{"objects: a token, who it is, and what it may do", func(ctx context.Context, c *cluster) error {
		if _, err := c.typed.CoreV1().ServiceAccounts(c.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		seconds := int64(3600)
		token, err := c.typed.CoreV1().ServiceAccounts(c.namespace).CreateToken(ctx, "robot", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		config := rest.AnonymousClientConfig(c.config)
		config.BearerToken = token.Status.Token
		robot, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		user, err := robot.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		name := "system:serviceaccount:" + c.namespace + ":robot"
		_, forbidden := robot.CoreV1().Secrets(c.namespace).List(ctx, metav1.ListOptions{})
		may := func() (bool, error) {
			review, err := robot.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{
					ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: c.namespace, Verb: "list", Resource: "secrets"},
				},
			}, metav1.CreateOptions{})
			return err == nil && review.Status.Allowed, err
		}
		before, err := may()
		if err != nil {
			return err
		}
		if _, err := c.typed.RbacV1().Roles(c.namespace).Create(ctx, &rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Name: "reader"},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}},
		}, metav1.CreateOptions{}); err != nil {
			return err
		}
		if _, err := c.typed.RbacV1().RoleBindings(c.namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "reader"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot", Namespace: c.namespace}},
		}, metav1.CreateOptions{}); err != nil {
			return err
		}
		if err := all(
			same("user", user.Status.UserInfo.Username, name),
			holds("secrets are forbidden", apierrors.IsForbidden(forbidden)),
			same("may list secrets", before, false),
			eventually(ctx, "it may list secrets", may),
		); err != nil {
			return err
		}
		_, err = robot.CoreV1().Secrets(c.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		impersonating := rest.CopyConfig(c.config)
		impersonating.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"devs"}}
		jane, err := kubernetes.NewForConfig(impersonating)
		if err != nil {
			return err
		}
		_, err = jane.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{})
		if err := holds("jane may not", apierrors.IsForbidden(err)); err != nil {
			return err
		}
		return contains("why not", err.Error(), `User "jane" cannot list resource "pods" in API group "" in the namespace`)
	}},
}

type warningRecorder struct{ texts []string }

func (w *warningRecorder) HandleWarningHeader(code int, _ string, text string) {
	if code == http.StatusMultipleChoices-1 {
		w.texts = append(w.texts, text)
	}
}

// bothEncodings writes objects with many fields in either encoding: they must come back equal.
func bothEncodings(ctx context.Context, c *cluster) error {
	text := rest.CopyConfig(c.config)
	text.ContentType = "application/json"
	binary := rest.CopyConfig(c.config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	plain, err := kubernetes.NewForConfig(text)
	if err != nil {
		return err
	}
	protobuf, err := kubernetes.NewForConfig(binary)
	if err != nil {
		return err
	}
	created := metav1.CreateOptions{}
	compare := func(kind string, one, two any, errs ...error) error {
		if err := all(errs...); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if !equality.Semantic.DeepEqual(one, two) {
			return fmt.Errorf("%s as protobuf is %s, as JSON %s", kind, asText(one), asText(two))
		}
		return nil
	}
	set := richSet()
	one, err1 := protobuf.AppsV1().StatefulSets(c.namespace).Create(ctx, set("one"), created)
	two, err2 := plain.AppsV1().StatefulSets(c.namespace).Create(ctx, set("two"), created)
	if err := compare("StatefulSet", one.Spec, two.Spec, err1, err2); err != nil {
		return err
	}
	if err := same("a quantity", one.Spec.Template.Spec.Containers[0].Resources.Requests.Memory().String(), "64Mi"); err != nil {
		return err
	}
	pod := func(name string) *corev1.Pod {
		template := set(name).Spec.Template
		template.Name = name
		template.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "test/wait"}}
		return &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	}
	// Each has a last volume, for its token, with a name of its own.
	firstPod, err1 := protobuf.CoreV1().Pods(c.namespace).Create(ctx, pod("one"), created)
	secondPod, err2 := plain.CoreV1().Pods(c.namespace).Create(ctx, pod("two"), created)
	if err1 == nil && err2 == nil {
		for _, made := range []*corev1.Pod{firstPod, secondPod} {
			volumes := made.Spec.Volumes
			last := len(volumes) - 1
			made.Spec.Volumes = volumes[:last]
			for index := range made.Spec.Containers {
				mounts := made.Spec.Containers[index].VolumeMounts
				made.Spec.Containers[index].VolumeMounts = mounts[:len(mounts)-1]
			}
			for index := range made.Spec.InitContainers {
				mounts := made.Spec.InitContainers[index].VolumeMounts
				made.Spec.InitContainers[index].VolumeMounts = mounts[:len(mounts)-1]
			}
		}
	}
	if err := compare("Pod", firstPod.Spec, secondPod.Spec, err1, err2); err != nil {
		return err
	}
	now := metav1.NewMicroTime(time.Unix(1_700_000_000, 123_456_000))
	lease := func(name string) *coordinationv1.Lease {
		holder, seconds, transitions := "me", int32(15), int32(3)
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: &seconds, LeaseTransitions: &transitions, AcquireTime: &now, RenewTime: &now,
		}}
	}
	firstLease, err1 := protobuf.CoordinationV1().Leases(c.namespace).Create(ctx, lease("one"), created)
	secondLease, err2 := plain.CoordinationV1().Leases(c.namespace).Create(ctx, lease("two"), created)
	if err := compare("Lease", firstLease.Spec, secondLease.Spec, err1, err2, same("time", firstLease.Spec.RenewTime.UnixMicro(), now.UnixMicro())); err != nil {
		return err
	}
	budget := func(name string) *policyv1.PodDisruptionBudget {
		most := intstr.FromString("25%")
		return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &most,
			Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"a", "b"}},
			}},
		}}
	}
	firstBudget, err1 := protobuf.PolicyV1().PodDisruptionBudgets(c.namespace).Create(ctx, budget("one"), created)
	secondBudget, err2 := plain.PolicyV1().PodDisruptionBudgets(c.namespace).Create(ctx, budget("two"), created)
	if err := compare("PodDisruptionBudget", firstBudget.Spec, secondBudget.Spec, err1, err2); err != nil {
		return err
	}
	secret := func(name string) *corev1.Secret {
		immutable := true
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Immutable: &immutable, Type: corev1.SecretTypeOpaque,
			Data: map[string][]byte{"a": {0, 1, 254, 255}, "b": []byte("text")}, StringData: map[string]string{"c": "more"}}
	}
	firstSecret, err1 := protobuf.CoreV1().Secrets(c.namespace).Create(ctx, secret("one"), created)
	secondSecret, err2 := plain.CoreV1().Secrets(c.namespace).Create(ctx, secret("two"), created)
	if err := compare("Secret", firstSecret.Data, secondSecret.Data, err1, err2, same("data", string(firstSecret.Data["c"]), "more")); err != nil {
		return err
	}
	// A status, and options in the body of a deletion.
	one.Status.Replicas = 3
	one.Status.Conditions = []appsv1.StatefulSetCondition{{Type: "Test", Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Time)}}
	_, err = protobuf.AppsV1().StatefulSets(c.namespace).UpdateStatus(ctx, one, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("status: %w", err)
	}
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &one.UID}}
	return protobuf.AppsV1().StatefulSets(c.namespace).Delete(ctx, "one", options)
}

// richSet makes sets with a value in most kinds of field there are.
func richSet() func(name string) *appsv1.StatefulSet {
	return func(name string) *appsv1.StatefulSet {
		set := statefulSet("rich", 0)
		set.Name = name
		user, yes, no, seconds, most := int64(1000), true, false, int64(30), intstr.FromInt32(2)
		mode := int32(0o640)
		class := "berth-local"
		set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
		set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
			Type:          appsv1.RollingUpdateStatefulSetStrategyType,
			RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32), MaxUnavailable: &most},
		}
		set.Spec.MinReadySeconds = 3
		set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 5}
		set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType, WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
		}
		set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{
			ObjectMeta: metav1.ObjectMeta{Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				StorageClassName: &class,
				Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			},
		}}
		spec := &set.Spec.Template.Spec
		spec.Volumes = []corev1.Volume{
			{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "c"}, DefaultMode: &mode, Optional: &yes,
				Items: []corev1.KeyToPath{{Key: "k", Path: "p", Mode: &mode}},
			}}},
			{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: quantity("1Mi")}}},
			{Name: "d", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
				{Path: "cpu", ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "main", Resource: "limits.cpu", Divisor: resource.MustParse("1m")}},
			}}}},
		}
		spec.InitContainers = []corev1.Container{{Name: "init", Image: "demo", Args: []string{"a", "", "b"}}}
		spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, FSGroup: &user, SupplementalGroups: []int64{1, 2, 1<<31 - 1}}
		spec.Tolerations = []corev1.Toleration{{Key: "a", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds}}
		spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
			{Weight: 7, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}}},
		}}}
		spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{},
		}}
		spec.HostAliases = []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"a", "b"}}}
		spec.ServiceAccountName = "default"
		main := &spec.Containers[0]
		main.Env = []corev1.EnvVar{
			{Name: "PLAIN", Value: "ünï ☸"},
			{Name: "FIELD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			{Name: "SECRET", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k", Optional: &no}}},
		}
		main.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}
		main.Resources = corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0.5"), corev1.ResourceMemory: resource.MustParse("128974848")},
		}
		main.ReadinessProbe = &corev1.Probe{PeriodSeconds: 3, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: "/ready", Port: intstr.FromString("http"), HTTPHeaders: []corev1.HTTPHeader{{Name: "X-A", Value: "b"}},
		}}}
		main.LivenessProbe = &corev1.Probe{FailureThreshold: 5, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
		main.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}}
		main.SecurityContext = &corev1.SecurityContext{RunAsNonRoot: &yes, AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
		main.VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/e", SubPath: "sub"}, {Name: "c", MountPath: "/c", ReadOnly: true}}
		set.Spec.Template.Annotations = map[string]string{"note": "line\nline", "empty": ""}
		return set
	}
}

func quantity(text string) *resource.Quantity {
	value := resource.MustParse(text)
	return &value
}
