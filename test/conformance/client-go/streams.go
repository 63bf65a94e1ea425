package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

// talker is a pod that writes a line, and answers on a port when told to.
func talker(ctx context.Context, c *cluster) error {
	grace := int64(0)
	_, err := c.typed.CoreV1().Pods(c.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "talker"},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{
			Name: "main", Image: "demo", Command: []string{"sh", "-c", "echo begun; exec sleep 1000"},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return eventually(ctx, "the pod runs", func() (bool, error) {
		pod, err := c.typed.CoreV1().Pods(c.namespace).Get(ctx, "talker", metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning, err
	})
}

func (c *cluster) streamURL(subresource string, options *corev1.PodExecOptions) *url.URL {
	request := c.typed.CoreV1().RESTClient().Post().Namespace(c.namespace).Resource("pods").Name("talker").SubResource(subresource)
	if options != nil {
		request = request.VersionedParams(options, scheme.ParameterCodec)
	}
	return request.URL()
}

type executorMaker func(c *cluster, target *url.URL) (remotecommand.Executor, error)

func overWebSocket(c *cluster, target *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(c.config, "GET", target.String())
}

func overSPDY(c *cluster, target *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewSPDYExecutor(c.config, "POST", target)
}

func overEither(c *cluster, target *url.URL) (remotecommand.Executor, error) {
	first, err := overWebSocket(c, target)
	if err != nil {
		return nil, err
	}
	second, err := overSPDY(c, target)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(first, second, httpstream.IsUpgradeFailure)
}

type sizes chan *remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize { return <-s }

func execPart(executor executorMaker) func(ctx context.Context, c *cluster) error {
	return func(ctx context.Context, c *cluster) error {
		if err := talker(ctx, c); err != nil {
			return err
		}
		run := func(input string, tty bool, queue remotecommand.TerminalSizeQueue, command ...string) (string, string, error) {
			target := c.streamURL("exec", &corev1.PodExecOptions{Container: "main", Command: command, Stdin: true, Stdout: true, Stderr: !tty, TTY: tty})
			made, err := executor(c, target)
			if err != nil {
				return "", "", err
			}
			var out, bad bytes.Buffer
			options := remotecommand.StreamOptions{Stdin: strings.NewReader(input), Stdout: &out, Tty: tty, TerminalSizeQueue: queue}
			if !tty {
				options.Stderr = &bad
			}
			err = made.StreamWithContext(ctx, options)
			return out.String(), bad.String(), err
		}
		out, bad, err := run("typed\n", false, nil, "sh", "-c", "cat; echo wrong >&2; exit 7")
		var exit exec.CodeExitError
		if err := all(
			same("output", out, "typed\n"),
			same("errors", bad, "wrong\n"),
			holds(fmt.Sprintf("an exit code: %v", err), errors.As(err, &exit)),
			same("exit code", exit.Code, 7),
		); err != nil {
			return err
		}
		much := strings.Repeat("x", 3<<20)
		out, _, err = run(much, false, nil, "cat")
		if err := all(err, same("bytes that came back", len(out), len(much))); err != nil {
			return err
		}
		queue := make(sizes, 1)
		queue <- &remotecommand.TerminalSize{Width: 123, Height: 45}
		out, _, err = run("", true, queue, "sh", "-c", "while [ \"$(stty size)\" != '45 123' ]; do sleep 0.05; done; stty size")
		close(queue)
		if err := all(err, same("size of the terminal", strings.TrimSpace(out), "45 123")); err != nil {
			return err
		}
		// A caller that goes away.
		gone, leave := context.WithCancel(ctx)
		made, err := executor(c, c.streamURL("exec", &corev1.PodExecOptions{Container: "main", Command: []string{"sh", "-c", "echo here; sleep 1000"}, Stdout: true}))
		if err != nil {
			leave()
			return err
		}
		reader, writer := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- made.StreamWithContext(gone, remotecommand.StreamOptions{Stdout: writer}) }()
		line, err := bufio.NewReader(reader).ReadString('\n')
		leave()
		return all(err, same("line", line, "here\n"), holds("it ends with who asked", errors.Is(<-ended, context.Canceled)))
	}
}

func forwardPart(dialer func(c *cluster, target *url.URL) (httpstream.Dialer, error)) func(ctx context.Context, c *cluster) error {
	return func(ctx context.Context, c *cluster) error {
		if err := talker(ctx, c); err != nil {
			return err
		}
		// A program in the pod that sends back what it gets.
		listening := make(chan error, 1)
		script := `require("net").createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(8077, () => console.log("listening"))`
		serving, err := overWebSocket(c, c.streamURL("exec", &corev1.PodExecOptions{Container: "main", Command: []string{"node", "-e", script}, Stdout: true}))
		if err != nil {
			return err
		}
		inside, leave := context.WithCancel(ctx)
		defer leave()
		reader, writer := io.Pipe()
		go func() { listening <- serving.StreamWithContext(inside, remotecommand.StreamOptions{Stdout: writer}) }()
		if _, err := bufio.NewReader(reader).ReadString('\n'); err != nil {
			return err
		}
		made, err := dialer(c, c.streamURL("portforward", nil))
		if err != nil {
			return err
		}
		stop, begun := make(chan struct{}), make(chan struct{})
		var said bytes.Buffer
		forwarder, err := portforward.New(made, []string{"0:8077"}, stop, begun, io.Discard, &said)
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- forwarder.ForwardPorts() }()
		select {
		case <-begun:
		case err := <-done:
			return fmt.Errorf("forwarding ended: %w", err)
		}
		ports, err := forwarder.GetPorts()
		if err != nil {
			return err
		}
		for range 3 {
			if err := echo(fmt.Sprintf("127.0.0.1:%d", ports[0].Local), strings.Repeat("hello", 50_000)); err != nil {
				return fmt.Errorf("%w (%s)", err, said.String())
			}
		}
		close(stop)
		return <-done
	}
}

func echo(address, text string) error {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		_, _ = io.WriteString(connection, text)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	back := make([]byte, len(text))
	if _, err := io.ReadFull(connection, back); err != nil {
		return err
	}
	return holds("the same came back", string(back) == text)
}

func dialSPDY(c *cluster, target *url.URL) (httpstream.Dialer, error) {
	roundTripper, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	return spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, "POST", target), nil
}

func dialWebSocket(c *cluster, target *url.URL) (httpstream.Dialer, error) {
	return portforward.NewSPDYOverWebsocketDialer(target, c.config)
}

func dialEither(c *cluster, target *url.URL) (httpstream.Dialer, error) {
	first, err := dialWebSocket(c, target)
	if err != nil {
		return nil, err
	}
	second, err := dialSPDY(c, target)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialer(first, second, httpstream.IsUpgradeFailure), nil
}

var streamParts = []part{
	{"streams: logs, at once and as they come", func(ctx context.Context, c *cluster) error {
		if err := talker(ctx, c); err != nil {
			return err
		}
		pods := c.typed.CoreV1().Pods(c.namespace)
		if err := eventually(ctx, "the line is there", func() (bool, error) {
			text, err := pods.GetLogs("talker", &corev1.PodLogOptions{Timestamps: true}).DoRaw(ctx)
			return strings.HasSuffix(string(text), "Z begun\n"), err
		}); err != nil {
			return err
		}
		stream, err := pods.GetLogs("talker", &corev1.PodLogOptions{Follow: true}).Stream(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		line, err := bufio.NewReader(stream).ReadString('\n')
		if err != nil {
			return err
		}
		_, err = pods.GetLogs("talker", &corev1.PodLogOptions{Container: "other"}).Stream(ctx)
		if err == nil {
			return errors.New("logs of a container that there is not")
		}
		return all(same("line", line, "begun\n"), contains("why not", err.Error(), "container other is not valid for pod talker"))
	}},
	{"streams: exec over a WebSocket", execPart(overWebSocket)},
	{"streams: exec over SPDY", execPart(overSPDY)},
	{"streams: exec over what there is", execPart(overEither)},
	{"streams: a port over SPDY", forwardPart(dialSPDY)},
	{"streams: a port over a WebSocket", forwardPart(dialWebSocket)},
	{"streams: a port over what there is", forwardPart(dialEither)},
}
