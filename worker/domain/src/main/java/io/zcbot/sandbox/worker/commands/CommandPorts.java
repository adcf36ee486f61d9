/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.UserLanes;

/** What commands need from the rest of the domain and from the outside. */
public record CommandPorts(
    Engine engine,
    EventSink sink,
    Registry registry,
    Termination termination,
    UserLanes lanes,
    Identity identity,
    Time time,
    SandboxMetrics metrics) {}
