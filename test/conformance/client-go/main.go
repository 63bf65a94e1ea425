// Command client-go does to a cluster what programs written with k8s.io/client-go do, one part after another, and says
// of each whether the cluster did what Kubernetes does: "ok NAME", or "failed NAME: WHY".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// cluster is what a part is tried on: all clients of one namespace.
type cluster struct {
	config    *rest.Config
	typed     kubernetes.Interface
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	discovery discovery.DiscoveryInterface
	namespace string
}

type part struct {
	name string
	try  func(ctx context.Context, c *cluster) error
}

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "path of the kubeconfig")
	only := flag.String("only", "", "the parts whose names contain this")
	list := flag.Bool("list", false, "say what parts there are")
	flag.Parse()
	var parts []part
	parts = append(parts, discoveryParts...)
	parts = append(parts, objectParts...)
	parts = append(parts, applyParts...)
	parts = append(parts, watchParts...)
	parts = append(parts, workloadParts...)
	parts = append(parts, customParts...)
	parts = append(parts, streamParts...)
	if *list {
		for _, part := range parts {
			fmt.Println(part.name)
		}
		return
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Println("failed to read the kubeconfig:", err)
		os.Exit(2)
	}
	config.QPS = -1
	config.UserAgent = "client-go-test"
	failed := 0
	for _, part := range parts {
		if !strings.Contains(part.name, *only) {
			continue
		}
		started := time.Now()
		if err := tryPart(config, part); err != nil {
			failed++
			fmt.Printf("failed %s: %s\n", part.name, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Printf("ok %s (%s)\n", part.name, time.Since(started).Round(time.Millisecond))
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// tryPart gives a part new clients and a namespace of its own, which it takes away afterwards.
func tryPart(config *rest.Config, part part) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	c, err := newCluster(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		gone := c.typed.CoreV1().Namespaces().Delete(context.Background(), c.namespace, metav1.DeleteOptions{})
		if err == nil {
			err = gone
		}
	}()
	return part.try(ctx, c)
}

func newCluster(ctx context.Context, config *rest.Config) (*cluster, error) {
	c := &cluster{config: config}
	var err error
	if c.typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	c.discovery = c.typed.Discovery()
	namespace := namespaceObject()
	made, err := c.typed.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("make a namespace: %w", err)
	}
	c.namespace = made.Name
	return c, nil
}
