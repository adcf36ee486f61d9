/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/**
 * The container that an event is about.
 *
 * @param name the container's name, derived from the user; a later container of the same user has
 *     the same name
 * @param id the id that the container engine gave it; never used again for another container
 * @param host the machine on which the container runs or ran
 * @param workerId the worker that published the event
 */
public record ContainerRef(String name, String id, String host, String workerId) implements Site {}
