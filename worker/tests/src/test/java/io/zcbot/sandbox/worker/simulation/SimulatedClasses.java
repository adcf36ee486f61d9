/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDesc;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.constant.DynamicCallSiteDesc;
import java.lang.constant.MethodHandleDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Loads the worker, and those of its libraries that wait, once more. Every call that starts a
 * thread, waits for a time, reads a clock or draws a random number is redirected to {@link Hooks},
 * and every call that a mutation may change to {@link Mutations}. So the worker's own classes run
 * in a simulation unchanged.
 */
final class SimulatedClasses extends ClassLoader {
  private static final ClassDesc OF_PLATFORM =
      Thread.Builder.OfPlatform.class.describeConstable().get();
  private static final ClassDesc OF_VIRTUAL =
      Thread.Builder.OfVirtual.class.describeConstable().get();

  private static final Set<DirectMethodHandleDesc.Kind> METHODS =
      EnumSet.of(
          DirectMethodHandleDesc.Kind.STATIC,
          DirectMethodHandleDesc.Kind.INTERFACE_STATIC,
          DirectMethodHandleDesc.Kind.VIRTUAL,
          DirectMethodHandleDesc.Kind.INTERFACE_VIRTUAL);

  private record Target(ClassDesc owner, String name, MethodTypeDesc type) {}

  private final Map<String, Target> targets = new HashMap<>();
  private final ClassFile classFile;

  SimulatedClasses(ClassLoader parent) {
    super(parent);
    classFile =
        ClassFile.of(
            ClassFile.ClassHierarchyResolverOption.of(
                ClassHierarchyResolver.ofResourceParsing(parent)));
    // As the parent has them, since no class may be loaded here before all are known.
    add(Hooks.class);
    add(Mutations.class);
  }

  private void add(Class<?> replacements) {
    for (Method method : replacements.getDeclaredMethods()) {
      InPlaceOf original = method.getAnnotation(InPlaceOf.class);
      if (original == null) {
        continue;
      }
      if (getParent().getResource(original.owner().replace('.', '/') + ".class") == null) {
        throw new IllegalStateException(method + " replaces nothing: no " + original.owner());
      }
      if (!Modifier.isPublic(method.getModifiers())) {
        throw new IllegalStateException(method + " must be public");
      }
      MethodTypeDesc type =
          MethodTypeDesc.of(
              desc(method.getReturnType()),
              Arrays.stream(method.getParameterTypes()).map(SimulatedClasses::desc).toList());
      String plain =
          original.isStatic()
              ? type.displayDescriptor()
              : type.dropParameterTypes(0, 1).displayDescriptor();
      targets.put(
          original.owner().replace('.', '/') + "." + original.name() + parameters(plain),
          new Target(desc(replacements), method.getName(), type));
    }
  }

  private static String parameters(String displayed) {
    return displayed.substring(0, displayed.indexOf(')') + 1);
  }

  private static ClassDesc desc(Class<?> type) {
    return ClassDesc.ofDescriptor(type.descriptorString());
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    synchronized (getClassLoadingLock(name)) {
      Class<?> known = findLoadedClass(name);
      if (known != null) {
        return known;
      }
      if (name.equals(InPlaceOf.class.getName())
          || !name.startsWith("io.zcbot.sandbox.") && !name.startsWith("io.github.resilience4j.")) {
        return super.loadClass(name, resolve);
      }
      try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        boolean own = // those know what they wait for
            name.startsWith("io.zcbot.sandbox.worker.simulation.")
                || name.startsWith("io.zcbot.sandbox.worker.testkit.");
        byte[] loaded = own ? bytes : rewrite(bytes);
        return defineClass(name, loaded, 0, loaded.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }

  private byte[] rewrite(byte[] bytes) {
    return classFile.transformClass(
        classFile.parse(bytes), ClassTransform.transformingMethodBodies(this::rewrite));
  }

  private void rewrite(CodeBuilder code, CodeElement element) {
    switch (element) {
      case InvokeInstruction call when call.owner().asSymbol().equals(OF_PLATFORM) ->
          code.invokeinterface(OF_VIRTUAL, call.name().stringValue(), virtual(call.typeSymbol()));
      case InvokeInstruction call when call.opcode() != Opcode.INVOKESPECIAL -> {
        Target target =
            targetOf(call.owner().asInternalName(), call.name().stringValue(), call.typeSymbol());
        if (target == null) {
          code.with(element);
        } else {
          code.invokestatic(target.owner, target.name, target.type);
        }
      }
      case InvokeDynamicInstruction call -> {
        ConstantDesc[] args =
            call.bootstrapArgs().stream().map(this::handle).toArray(ConstantDesc[]::new);
        code.invokedynamic(
            DynamicCallSiteDesc.of(
                call.bootstrapMethod(), call.name().stringValue(), call.typeSymbol(), args));
      }
      default -> code.with(element);
    }
  }

  private static MethodTypeDesc virtual(MethodTypeDesc type) {
    return type.returnType().equals(OF_PLATFORM) ? type.changeReturnType(OF_VIRTUAL) : type;
  }

  /** Method references, such as {@code Thread::sleep}. */
  private ConstantDesc handle(ConstantDesc constant) {
    if (!(constant instanceof DirectMethodHandleDesc handle) || !METHODS.contains(handle.kind())) {
      return constant;
    }
    String owner = handle.owner().descriptorString();
    Target target =
        targetOf(
            owner.substring(1, owner.length() - 1),
            handle.methodName(),
            MethodTypeDesc.ofDescriptor(handle.lookupDescriptor()));
    return target == null
        ? constant
        : MethodHandleDesc.ofMethod(
            DirectMethodHandleDesc.Kind.STATIC, target.owner, target.name, target.type);
  }

  private Target targetOf(String owner, String name, MethodTypeDesc type) {
    return targets.get(owner + "." + name + parameters(type.displayDescriptor()));
  }
}
