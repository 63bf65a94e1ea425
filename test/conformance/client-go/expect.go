package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// same is an error when a value is not what it should be.
func same(what string, got, want any) error {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	return fmt.Errorf("%s is %s, should be %s", what, asText(got), asText(want))
}

func contains(what, got, want string) error {
	if strings.Contains(got, want) {
		return nil
	}
	return fmt.Errorf("%s is %q, should contain %q", what, got, want)
}

func holds(what string, truth bool) error {
	if truth {
		return nil
	}
	return fmt.Errorf("not so: %s", what)
}

// all is the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// eventually waits until a question is answered with yes, for at most 30 s; the error says what is instead.
func eventually(ctx context.Context, what string, question func() (bool, error)) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		yes, err := question()
		if yes {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("waited in vain: %s (%v)", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func asText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%#v", value)
	}
	return string(text)
}
