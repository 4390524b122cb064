{# Brian2's loop over the active synapses, as two: see brianpresyn/two_loops.py. #}
{# USES_VARIABLES { _synaptic_pre } #}
{% extends 'synapses.cpp' %}

{% block maincode %}
{% if vector_code is not mapping %}
{{ super() }}
{% else %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code['whole']|autoindent}}

    const std::vector<int>& _active = *{{pathway.name}}.peek();
    const int _num_active = _active.size();
    {% if n_threads %}
    {% for type, name in carried %}
    static std::vector<{{type}}> _all_{{name}};
    _all_{{name}}.resize(_num_active);
    {{type}}* const _carried_{{name}} = _all_{{name}}.data();
    {% endfor %}
    #pragma omp parallel for schedule(static) num_threads({{n_threads}}) if (_num_active > {{worth_threads}})
    for (int _k = 0; _k < _num_active; _k++)
    {
        const size_t _idx = _active[_k];
        const size_t _vectorisation_idx = _idx;
        {{vector_code['draw']|autoindent}}
        {% for type, name in carried %}
        _carried_{{name}}[_k] = {{name}};
        {% endfor %}
    }
    for (int _k = 0; _k < _num_active; _k++)
    {
        const size_t _idx = _active[_k];
        const size_t _vectorisation_idx = _idx;
        {% for type, name in carried %}
        {{type}} {{name}} = _carried_{{name}}[_k];
        {% endfor %}
        {{vector_code['act']|autoindent}}
    }
    {% else %}
    {% for type, name in carried %}
    {{type}} _carried_{{name}}[{{most}}];
    {% endfor %}
    for (int _start = 0, _number; _start < _num_active; _start += _number)
    {
        const int* const _own = &_active[_start];
        const int _first = _own[0], _left = _num_active - _start;
        if (_left < {{fewest}} || _own[{{fewest}} - 1] != _first + {{fewest}} - 1)
        {
            _number = _left < {{fewest}} ? _left : {{fewest}};
            for (int _k = 0; _k < _number; _k++)
            {
                const size_t _idx = _own[_k];
                const size_t _vectorisation_idx = _idx;
                {{vector_code['whole']|autoindent}}
            }
            continue;
        }
        _number = _presyn_run_length(_own, _left < {{most}} ? _left : {{most}});
        if (_number < _left && _own[_number] != _first + _number)
        {
            {% for array, per_line in prefetched %}
            for (int _k = 0; _k < _number; _k += {{per_line}})
                _presyn_prefetch({{array}} + _own[_number] + _k);
            {% endfor %}
        }
        for (int _k = 0; _k < _number; _k++)
        {
            const size_t _idx = (size_t)_first + _k;
            const size_t _vectorisation_idx = _idx;
            {{vector_code['draw']|autoindent}}
            {% for type, name in carried %}
            _carried_{{name}}[_k] = {{name}};
            {% endfor %}
        }
        for (int _k = 0; _k < _number; _k++)
        {
            const size_t _idx = (size_t)_first + _k;
            const size_t _vectorisation_idx = _idx;
            {% for type, name in carried %}
            {{type}} {{name}} = _carried_{{name}}[_k];
            {% endfor %}
            {{vector_code['act']|autoindent}}
        }
    }
    {% endif %}
{% endif %}
{% endblock %}
