/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import org.jspecify.annotations.Nullable;

/**
 * Who creates containers.
 *
 * @param workerId the worker
 * @param fleet the topics of the workers that share users with it, and their Kafka cluster; null to
 *     tell nobody of it
 * @param profile the name of the profile that the containers are made of
 */
public record ContainerOwner(String workerId, @Nullable String fleet, String profile) {}
