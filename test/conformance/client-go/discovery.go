package main

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/restmapper"
)

var discoveryParts = []part{
	{"discovery: groups, kinds, short names", func(_ context.Context, c *cluster) error {
		version, err := c.discovery.ServerVersion()
		if err != nil {
			return err
		}
		_, lists, err := c.discovery.ServerGroupsAndResources()
		if err != nil {
			return err
		}
		var found []string
		for _, list := range lists {
			for _, resource := range list.APIResources {
				found = append(found, list.GroupVersion+" "+resource.Name)
			}
		}
		cached := memory.NewMemCacheClient(c.discovery)
		mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, func(string) {})
		short, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "sts"})
		if err != nil {
			return err
		}
		mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "StatefulSet"})
		if err != nil {
			return err
		}
		categories, _ := restmapper.NewDiscoveryCategoryExpander(cached).Expand("all")
		preferred, err := c.discovery.ServerPreferredResources()
		if err != nil {
			return err
		}
		return all(
			same("major", version.Major, "1"),
			holds("statefulsets are there", slices.Contains(found, "apps/v1 statefulsets")),
			holds("their scale is there", slices.Contains(found, "apps/v1 statefulsets/scale")),
			holds("evictions are there", slices.Contains(found, "v1 pods/eviction")),
			same("sts", short, schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}),
			same("scope", string(mapping.Scope.Name()), "namespace"),
			holds("the category", slices.Contains(categories, schema.GroupResource{Group: "apps", Resource: "statefulsets"})),
			holds("there are preferred ones", len(preferred) > 5),
		)
	}},
	{"discovery: the schema, in both versions", func(_ context.Context, c *cluster) error {
		document, err := c.discovery.OpenAPISchema()
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, definition := range document.GetDefinitions().GetAdditionalProperties() {
			names[definition.GetName()] = true
		}
		root := openapi3.NewRoot(c.discovery.OpenAPIV3())
		versions, err := root.GroupVersions()
		if err != nil {
			return err
		}
		apps, err := root.GVSpec(schema.GroupVersion{Group: "apps", Version: "v1"})
		if err != nil {
			return err
		}
		_, path := apps.Paths.Paths["/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"]
		_, set := apps.Components.Schemas["io.k8s.api.apps.v1.StatefulSet"]
		return all(
			holds("version 2 has sets", names["io.k8s.api.apps.v1.StatefulSet"]),
			holds("version 3 has the group", slices.Contains(versions, schema.GroupVersion{Group: "apps", Version: "v1"})),
			holds("with the paths", path),
			holds("and the schema", set),
		)
	}},
}
