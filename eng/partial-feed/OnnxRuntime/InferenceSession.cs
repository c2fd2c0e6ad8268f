using System.Collections;
using System.Runtime.InteropServices;
using System.Text;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>Values that are disposed of together.</summary>
public interface IDisposableReadOnlyCollection<T> : IReadOnlyCollection<T>, IReadOnlyList<T>, IDisposable;

/// <summary>A loaded model. Several threads may run it at the same time.</summary>
public unsafe class InferenceSession : IDisposable
{
    private readonly SessionHandle _handle;

    /// <inheritdoc cref="InferenceSession(string, SessionOptions)"/>
    public InferenceSession(string modelPath)
        : this(Create(modelPath))
    {
    }

    /// <summary>Loads a model file.</summary>
    /// <exception cref="OnnxRuntimeException">The file is missing or no model that can be run.</exception>
    public InferenceSession(string modelPath, SessionOptions options)
        : this(Create(modelPath, options))
    {
    }

    /// <inheritdoc cref="InferenceSession(byte[], SessionOptions)"/>
    public InferenceSession(byte[] model)
        : this(Create(model))
    {
    }

    /// <summary>Loads the bytes of a model file.</summary>
    /// <exception cref="OnnxRuntimeException">They are no model that can be run.</exception>
    public InferenceSession(byte[] model, SessionOptions options)
        : this(Create(model, options))
    {
    }

    private InferenceSession(SessionHandle handle)
    {
        _handle = handle;
        var api = Native.Api;
        (InputNames, InputMetadata) =
            Describe(api->SessionGetInputCount, api->SessionGetInputName, api->SessionGetInputTypeInfo);
        (OutputNames, OutputMetadata) =
            Describe(api->SessionGetOutputCount, api->SessionGetOutputName, api->SessionGetOutputTypeInfo);
        ModelMetadata = Metadata();
    }

    /// <summary>The inputs in the model's order.</summary>
    public IReadOnlyList<string> InputNames { get; }

    /// <summary>The outputs in the model's order.</summary>
    public IReadOnlyList<string> OutputNames { get; }

    public IReadOnlyDictionary<string, NodeMetadata> InputMetadata { get; }

    public IReadOnlyDictionary<string, NodeMetadata> OutputMetadata { get; }

    /// <summary>What the model's file says of it besides its graph.</summary>
    public ModelMetadata ModelMetadata { get; }

    /// <summary>Runs the model. The caller disposes of the result, which has one value for each output name.</summary>
    /// <exception cref="ArgumentException">There are not as many values as names.</exception>
    /// <exception cref="OnnxRuntimeException">A name is unknown, a value does not fit, or the run failed.</exception>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        RunOptions runOptions,
        IReadOnlyCollection<string> inputNames,
        IReadOnlyCollection<OrtValue> inputValues,
        IReadOnlyCollection<string> outputNames) =>
        new Results(Array.ConvertAll(
            RunNative(runOptions, inputNames, inputValues, outputNames, []), output => new OrtValue(output)));

    /// <summary>Runs the model into values that the caller made, of the outputs' types and shapes.</summary>
    /// <inheritdoc cref="Run(RunOptions, IReadOnlyCollection{string}, IReadOnlyCollection{OrtValue}, IReadOnlyCollection{string})" path="/exception"/>
    public void Run(
        RunOptions runOptions,
        IReadOnlyCollection<string> inputNames,
        IReadOnlyCollection<OrtValue> inputValues,
        IReadOnlyCollection<string> outputNames,
        IReadOnlyCollection<OrtValue> outputValues)
    {
        if (outputNames.Count != outputValues.Count)
        {
            throw new ArgumentException(
                $"{outputNames.Count} names in {nameof(outputNames)} but {outputValues.Count} in {nameof(outputValues)}.");
        }

        RunNative(runOptions, inputNames, inputValues, outputNames, [.. outputValues]);
    }

    /// <summary>What runs of this session can be bound to. To be disposed of.</summary>
    public OrtIoBinding CreateIoBinding()
    {
        nint binding;
        using var session = _handle.Use();
        Native.Check(Native.Api->CreateIoBinding(session.Pointer, &binding));
        return new OrtIoBinding(binding);
    }

    /// <summary>
    /// Runs the model with what is bound. The caller disposes of the result: the outputs in the order in which they were bound.
    /// </summary>
    /// <exception cref="OnnxRuntimeException">A value does not fit, or the run failed.</exception>
    public IDisposableReadOnlyCollection<OrtValue> RunWithBoundResults(RunOptions runOptions, OrtIoBinding ioBinding)
    {
        using var session = _handle.Use();
        using var options = runOptions.Use();
        using var binding = ioBinding.Use();
        Native.Check(Native.Api->RunWithBinding(session.Pointer, options.Pointer, binding.Pointer));

        nint* values = null;
        nuint count = 0;
        using var allocator = OrtAllocator.DefaultInstance.Use();
        Native.Check(Native.Api->GetBoundOutputValues(binding.Pointer, allocator.Pointer, &values, &count));
        if (values == null)
        {
            return new Results([]);
        }

        var results = Array.ConvertAll(new Span<nint>(values, (int)count).ToArray(), value => new OrtValue(value));
        Native.Check(Native.Api->AllocatorFree(allocator.Pointer, (nint)values));
        return new Results(results);
    }

    public void Dispose() => _handle.Dispose();

    private static SessionHandle Create(string modelPath)
    {
        using var options = new SessionOptions();
        return Create(modelPath, options);
    }

    private static SessionHandle Create(byte[] model)
    {
        using var options = new SessionOptions();
        return Create(model, options);
    }

    private static SessionHandle Create(string modelPath, SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(modelPath);

        // ORTCHAR_T has two bytes on Windows and one elsewhere.
        var path = OperatingSystem.IsWindows() ? Encoding.Unicode.GetBytes(modelPath + '\0') : Native.Utf8(modelPath);
        nint session;
        using var env = OrtEnv.Instance().Use();
        using var native = options.Use();
        fixed (byte* text = path)
        {
            Native.Check(Native.Api->CreateSession(env.Pointer, (nint)text, native.Pointer, &session));
        }

        return new SessionHandle(session);
    }

    private static SessionHandle Create(byte[] model, SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        nint session;
        using var env = OrtEnv.Instance().Use();
        using var native = options.Use();

        // An array without elements has no address to give.
        fixed (byte* bytes = model.Length == 0 ? new byte[1] : model)
        {
            Native.Check(Native.Api->CreateSessionFromArray(
                env.Pointer, bytes, (nuint)model.Length, native.Pointer, &session));
        }

        return new SessionHandle(session);
    }

    private static void Require(
        string kind, IReadOnlyCollection<string> names, IReadOnlyDictionary<string, NodeMetadata> known)
    {
        foreach (var name in names)
        {
            if (!known.ContainsKey(name))
            {
                throw new OnnxRuntimeException(
                    ErrorCode.InvalidArgument, $"{kind} name: '{name}' is not in the metadata");
            }
        }
    }

    /// <returns>The outputs' pointers: those of the values given, or of new ones where none are.</returns>
    private nint[] RunNative(
        RunOptions runOptions,
        IReadOnlyCollection<string> inputNames,
        IReadOnlyCollection<OrtValue> inputValues,
        IReadOnlyCollection<string> outputNames,
        OrtValue[] outputValues)
    {
        if (inputNames.Count != inputValues.Count)
        {
            throw new ArgumentException(
                $"{inputNames.Count} names in {nameof(inputNames)} but {inputValues.Count} in {nameof(inputValues)}.");
        }

        Require("Input", inputNames, InputMetadata);
        Require("Output", outputNames, OutputMetadata);
        OrtValue[] values = [.. inputValues, .. outputValues];
        var pointers = new nint[inputNames.Count + outputNames.Count];
        var held = 0;
        using var session = _handle.Use();
        using var options = runOptions.Use();
        using var inputText = new NativeNames(inputNames);
        using var outputText = new NativeNames(outputNames);
        try
        {
            foreach (var value in values)
            {
                ArgumentNullException.ThrowIfNull(value, nameof(inputValues));
                var taken = false;
                value.Handle.DangerousAddRef(ref taken);
                pointers[held++] = value.Handle.DangerousGetHandle();
            }

            fixed (nint* input = pointers)
            fixed (nint* inputName = inputText.Pointers, outputName = outputText.Pointers)
            {
                // Outputs that are null are made.
                Native.Check(Native.Api->Run(
                    session.Pointer,
                    options.Pointer,
                    inputName,
                    input,
                    (nuint)inputNames.Count,
                    outputName,
                    (nuint)outputNames.Count,
                    input + inputNames.Count));
            }
        }
        finally
        {
            for (var i = 0; i < held; i++)
            {
                values[i].Handle.DangerousRelease();
            }
        }

        return pointers[inputNames.Count..];
    }

    private (IReadOnlyList<string> Names, IReadOnlyDictionary<string, NodeMetadata> Metadata) Describe(
        delegate* unmanaged[Cdecl]<nint, nuint*, nint> count,
        delegate* unmanaged[Cdecl]<nint, nuint, nint, nint*, nint> name,
        delegate* unmanaged[Cdecl]<nint, nuint, nint*, nint> typeInfo)
    {
        nuint total;
        using var session = _handle.Use();
        using var allocator = OrtAllocator.DefaultInstance.Use();
        Native.Check(count(session.Pointer, &total));
        var names = new List<string>();
        var metadata = new Dictionary<string, NodeMetadata>();
        for (nuint i = 0; i < total; i++)
        {
            nint text, type;
            Native.Check(name(session.Pointer, i, allocator.Pointer, &text));
            names.Add(Native.Utf8(text));
            Native.Check(Native.Api->AllocatorFree(allocator.Pointer, text));
            Native.Check(typeInfo(session.Pointer, i, &type));
            try
            {
                metadata[names[^1]] = new NodeMetadata(type);
            }
            finally
            {
                Native.Api->ReleaseTypeInfo(type);
            }
        }

        return (names, metadata);
    }

    private ModelMetadata Metadata()
    {
        nint metadata;
        using var session = _handle.Use();
        Native.Check(Native.Api->SessionGetModelMetadata(session.Pointer, &metadata));
        try
        {
            return new ModelMetadata(metadata);
        }
        finally
        {
            Native.Api->ReleaseModelMetadata(metadata);
        }
    }

    private sealed class SessionHandle : SafeHandle
    {
        public SessionHandle(nint session)
            : base(0, ownsHandle: true) => SetHandle(session);

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            Native.Api->ReleaseSession(handle);
            return true;
        }
    }

    /// <summary>Names as native code reads them.</summary>
    private readonly ref struct NativeNames : IDisposable
    {
        public NativeNames(IReadOnlyCollection<string> names) =>
            Pointers = [.. names.Select(Marshal.StringToCoTaskMemUTF8)];

        public nint[] Pointers { get; }

        public void Dispose() => Array.ForEach(Pointers, Marshal.FreeCoTaskMem);
    }

    private sealed class Results(OrtValue[] values) : IDisposableReadOnlyCollection<OrtValue>
    {
        public int Count => values.Length;

        public OrtValue this[int index] => values[index];

        public IEnumerator<OrtValue> GetEnumerator() => values.AsEnumerable().GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public void Dispose() => Array.ForEach(values, value => value.Dispose());
    }
}
