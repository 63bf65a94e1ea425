package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	watchtools "k8s.io/client-go/tools/watch"
)

var watchParts = []part{
	{"watch: informers of objects, of what is generic, and of metadata", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		for index := range 50 {
			if _, err := maps.Create(ctx, configMap(fmt.Sprintf("before-%d", index), nil), metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		stop := make(chan struct{})
		defer close(stop)
		resource := corev1.SchemeGroupVersion.WithResource("configmaps")
		typed := informers.NewSharedInformerFactoryWithOptions(c.typed, 0, informers.WithNamespace(c.namespace))
		generic := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, c.namespace, nil)
		partial := metadatainformer.NewFilteredSharedInformerFactory(c.metadata, 0, c.namespace, nil)
		kinds := map[string]cache.SharedIndexInformer{
			"objects":  typed.Core().V1().ConfigMaps().Informer(),
			"generic":  generic.ForResource(resource).Informer(),
			"metadata": partial.ForResource(resource).Informer(),
		}
		counts := map[string]*[3]atomic.Int32{}
		for name, informer := range kinds {
			count := &[3]atomic.Int32{}
			counts[name] = count
			if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
				AddFunc:    func(any) { count[0].Add(1) },
				UpdateFunc: func(any, any) { count[1].Add(1) },
				DeleteFunc: func(any) { count[2].Add(1) },
			}); err != nil {
				return err
			}
		}
		typed.Start(stop)
		generic.Start(stop)
		partial.Start(stop)
		for name, informer := range kinds {
			if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
				return fmt.Errorf("%s: never synced", name)
			}
			// Those before, and what every namespace has.
			if err := same(name+" at first", len(informer.GetStore().List()), 51); err != nil {
				return err
			}
		}
		for index := range 50 {
			name := fmt.Sprintf("before-%d", index)
			if _, err := maps.Update(ctx, configMap(name, map[string]string{"a": "b"}), metav1.UpdateOptions{}); err != nil {
				return err
			}
			if err := maps.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				return err
			}
			if _, err := maps.Create(ctx, configMap(fmt.Sprintf("after-%d", index), nil), metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		for name, count := range counts {
			if err := eventually(ctx, name+" tell everything once", func() (bool, error) {
				seen := [3]int32{count[0].Load(), count[1].Load(), count[2].Load()}
				return seen == [3]int32{101, 50, 50}, fmt.Errorf("saw %v", seen)
			}); err != nil {
				return err
			}
		}
		lister := typed.Core().V1().ConfigMaps().Lister().ConfigMaps(c.namespace)
		listed, err := lister.List(labels.SelectorFromSet(labels.Set{"made": "by-test"}))
		if err != nil {
			return err
		}
		return same("listed", len(listed), 50)
	}},
	{"watch: until something is so, and on after a break", func(ctx context.Context, c *cluster) error {
		maps := c.typed.CoreV1().ConfigMaps(c.namespace)
		first, err := maps.Create(ctx, configMap("w", nil), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		go func() {
			time.Sleep(50 * time.Millisecond)
			_, _ = maps.Update(ctx, configMap("w", map[string]string{"ready": "yes"}), metav1.UpdateOptions{})
		}()
		selector := fields.OneTermEqualSelector("metadata.name", "w").String()
		source := &cache.ListWatch{
			ListFunc: func(options metav1.ListOptions) (runtime.Object, error) {
				options.FieldSelector = selector
				return maps.List(ctx, options)
			},
			WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) {
				options.FieldSelector = selector
				one := int64(1)
				options.TimeoutSeconds = &one // so that it breaks
				return maps.Watch(ctx, options)
			},
		}
		isReady := func(event watch.Event) (bool, error) {
			object, ok := event.Object.(*corev1.ConfigMap)
			return ok && object.Data["ready"] == "yes", nil
		}
		if _, err := watchtools.UntilWithSync(ctx, source, &corev1.ConfigMap{}, nil, isReady); err != nil {
			return err
		}
		go func() {
			time.Sleep(1500 * time.Millisecond) // after the first watch has ended
			_, _ = maps.Update(ctx, configMap("w", map[string]string{"ready": "again"}), metav1.UpdateOptions{})
		}()
		_, err = watchtools.Until(ctx, first.ResourceVersion, source, func(event watch.Event) (bool, error) {
			object, ok := event.Object.(*corev1.ConfigMap)
			return ok && object.Data["ready"] == "again", nil
		})
		if err != nil {
			return err
		}
		_, err = maps.Watch(ctx, metav1.ListOptions{ResourceVersion: "not-a-number"})
		if err == nil {
			return errors.New("a watch from no version was let through")
		}
		return holds("it is a bad request: "+err.Error(), apierrors.IsBadRequest(err) || apierrors.IsInvalid(err))
	}},
	{"watch: one leader, and another after it", func(ctx context.Context, c *cluster) error {
		leading := make(chan string, 10)
		start := func(name string) (context.CancelFunc, *sync.WaitGroup) {
			own, cancel := context.WithCancel(ctx)
			lock, err := resourcelock.New(resourcelock.LeasesResourceLock, c.namespace, "leader", c.typed.CoreV1(), c.typed.CoordinationV1(),
				resourcelock.ResourceLockConfig{Identity: name})
			if err != nil {
				panic(err)
			}
			var done sync.WaitGroup
			done.Add(1)
			go func() {
				defer done.Done()
				leaderelection.RunOrDie(own, leaderelection.LeaderElectionConfig{
					Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond, ReleaseOnCancel: true,
					Callbacks: leaderelection.LeaderCallbacks{
						OnStartedLeading: func(context.Context) { leading <- name },
						OnStoppedLeading: func() {},
					},
				})
			}()
			return cancel, &done
		}
		endFirst, first := start("first")
		if err := same("leader", <-leading, "first"); err != nil {
			return err
		}
		endSecond, second := start("second")
		defer func() { endSecond(); second.Wait() }()
		endFirst()
		first.Wait()
		select {
		case name := <-leading:
			if err := same("next leader", name, "second"); err != nil {
				return err
			}
		case <-time.After(20 * time.Second):
			return errors.New("nobody leads")
		}
		lease, err := c.typed.CoordinationV1().Leases(c.namespace).Get(ctx, "leader", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return all(same("holder", *lease.Spec.HolderIdentity, "second"), same("transitions", *lease.Spec.LeaseTransitions, int32(1)))
	}},
	{"watch: events of both kinds, counted", func(ctx context.Context, c *cluster) error {
		object, err := c.typed.CoreV1().ConfigMaps(c.namespace).Create(ctx, configMap("e", nil), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		object.APIVersion, object.Kind = "v1", "ConfigMap"
		old := record.NewBroadcaster()
		defer old.Shutdown()
		old.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: c.typed.CoreV1().Events(c.namespace)})
		recorder := old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "old"})
		for range 3 {
			recorder.Event(object, corev1.EventTypeWarning, "Old", "told the old way")
		}
		today := events.NewBroadcaster(&events.EventSinkImpl{Interface: c.typed.EventsV1()})
		defer today.Shutdown()
		if err := today.StartRecordingToSinkWithContext(ctx); err != nil {
			return err
		}
		newer := today.NewRecorder(scheme.Scheme, "new")
		tell := func() { newer.Eventf(object, nil, corev1.EventTypeNormal, "New", "Testing", "told %s", "today") }
		isThere := func() (bool, error) {
			list, err := c.typed.EventsV1().Events(c.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=New"})
			return err == nil && len(list.Items) == 1, err
		}
		tell()
		if err := eventually(ctx, "the new one is there", isThere); err != nil {
			return err
		}
		tell()
		return all(
			eventually(ctx, "the old one is counted", func() (bool, error) {
				list, err := c.typed.CoreV1().Events(c.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Old,involvedObject.name=e"})
				if err != nil || len(list.Items) != 1 {
					return false, err
				}
				return list.Items[0].Count == 3 && list.Items[0].Source.Component == "old", fmt.Errorf("it is %s", asText(list.Items[0]))
			}),
			eventually(ctx, "the new one is a series", func() (bool, error) {
				list, err := c.typed.EventsV1().Events(c.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=New"})
				if err != nil || len(list.Items) != 1 {
					return false, err
				}
				event := list.Items[0]
				return event.Series != nil && event.Series.Count == 2 && event.Note == "told today" && event.ReportingController == "new", fmt.Errorf("it is %s", asText(event))
			}),
		)
	}},
}
