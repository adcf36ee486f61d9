/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.audit.result.ProgramText;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Describes events of commands for people: how much commands read and wrote, but not what. */
final class CommandText {
  private CommandText() {}

  static List<String> parts(Exec e) {
    List<String> parts = new ArrayList<>();
    parts.add(ProgramText.of(e.program()));
    if (e.requestedBy() != null) {
      parts.add("by " + e.requestedBy());
    }
    if (e.stdin().length() > 0) {
      parts.add(e.stdin() + " of input");
    }
    if (e.terminal() != null) {
      parts.add(terminal(e.terminal()));
    }
    if (e.timeout() != null) {
      parts.add("at most " + e.timeout().toSeconds() + " s");
    }
    if (e.expiresAt() != null) {
      parts.add("expires " + e.expiresAt());
    }
    if (e.profile() != null) {
      parts.add("profile " + e.profile());
    }
    parts.add("id " + e.eventId());
    return parts;
  }

  static List<String> parts(Input i) {
    String what =
        switch (i.content()) {
          case Input.Content.Bytes bytes -> bytes.data().toString();
          case Input.Content.End _ -> "end of input";
          case Input.Content.Signal signal -> "signal " + signal.signal();
          case Input.Content.Resize resize -> terminal(resize.size());
        };
    return List.of(what, "for " + i.execId());
  }

  static List<String> parts(Started s) {
    return List.of("pid " + s.pid(), "in " + EventText.where(s.container()), "of " + s.execId());
  }

  static List<String> parts(Output o) {
    return List.of(o.data() + " of " + o.stream().wire(), "seq " + o.seq(), "of " + o.execId());
  }

  static List<String> parts(Exited e) {
    List<String> parts = new ArrayList<>();
    parts.add(e.reason().wire());
    if (e.exitCode() != null) {
      parts.add("exit code " + e.exitCode());
    }
    if (e.signal() != null) {
      parts.add("signal " + e.signal());
    }
    if (e.startedAt() != null) {
      parts.add("after " + e.tookMs() + " ms");
    }
    if (e.outputCount() > 0) {
      parts.add(e.outputCount() + (e.outputCount() == 1 ? " output" : " outputs"));
    } else if (e.stdout() != null || e.stderr() != null) {
      parts.add(length(e.stdout()) + length(e.stderr()) + " bytes of output");
    }
    if (e.truncated()) {
      parts.add("output cut");
    }
    if (e.survivors() > 0) {
      parts.add(e.survivors() + " processes left");
    }
    parts.add(
        switch (e.site()) {
          case ContainerRef container -> "in " + EventText.where(container);
          case WorkerRef worker -> "by " + worker.workerId() + " on " + worker.host();
        });
    if (e.message() != null) {
      parts.add(e.message());
    }
    if (e.retryable()) {
      parts.add(EventText.retryable(true));
    }
    parts.add("of " + e.execId());
    return parts;
  }

  private static int length(@Nullable Data data) {
    return data == null ? 0 : data.length();
  }

  private static String terminal(TerminalSize size) {
    return "terminal of " + size.columns() + " × " + size.rows();
  }
}
